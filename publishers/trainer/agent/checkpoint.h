// Checkpoints: what agents have learnt, as a file.
//
//   {"format":"ppo-trainer 2","agents":[{"agent_id":...,"features":...,"hidden":...,"updates":...,
//     "steps":...,"adam_steps":...,"parameters":[...],"first_moment":[...],"second_moment":[...]}],
//     "checksum":"FNV-1a (64 bit, hexadecimal) of the text before this member"}
//
// JSON, so that other programs can read it, whose reals are written to be read back the same: what
// is loaded is what was saved, bit for bit, or it is refused.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/agent/ppo_agent.h"

namespace trainer {

struct AgentCheckpoint {
  std::string agent_id;
  std::int64_t features = 0;  // of one item, and units in a hidden layer: the network's shape
  std::int64_t hidden = 0;
  std::int64_t updates = 0;  // made until then, and steps trained; for people
  std::int64_t steps = 0;
  Learnt learnt;
};

// On failure `error` says why and `agents` is empty.
struct [[nodiscard]] CheckpointLoad {
  std::vector<AgentCheckpoint> agents;
  std::string error;

  bool ok() const { return error.empty(); }
};

[[nodiscard]] std::string encode_checkpoint(const std::vector<AgentCheckpoint>& agents);
// Trusts nothing in `bytes`.
CheckpointLoad decode_checkpoint(std::string_view bytes);

// The one directory that checkpoints are in. A checkpoint's name is 1-100 of A-Z a-z 0-9 _ . - and
// does not begin with a dot: so it names a file in the directory and nothing elsewhere.
class CheckpointDirectory {
 public:
  explicit CheckpointDirectory(std::string path) : path_(std::move(path)) {}

  [[nodiscard]] static bool is_name(std::string_view name);
  [[nodiscard]] std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  // Writes a checkpoint that is there as a whole or not at all, also after a crash; makes the
  // directory where there is none. Empty, or what went wrong. REQUIRES: is_name(name).
  [[nodiscard]] std::string save(const std::string& name, std::string_view bytes) const;
  // The same, but replaces nothing: where the name is taken, NAME.ckpt becomes NAME_2.ckpt and so
  // on.
  [[nodiscard]] std::string save_new(std::string& name, std::string_view bytes) const;

  // Empty where it worked, or what went wrong; follows no symbolic link. REQUIRES: is_name(name).
  [[nodiscard]] std::string load(const std::string& name, std::string& bytes) const;

 private:
  [[nodiscard]] std::string write(const std::string& path, std::string_view bytes) const;
  void sync() const;

  std::string path_;
};

}  // namespace trainer
