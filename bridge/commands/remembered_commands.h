// Commands that came with an idempotency key, and their outcomes, for as long as they are remembered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "commands/command.h"

namespace bridge {

inline constexpr std::int64_t kIdempotencyUs = 600'000'000;  // how long a key is remembered
inline constexpr std::size_t kIdempotencyKeysMax = 10'000;
inline constexpr std::size_t kRespondsMax = 64;  // who wait for one command

// Whether the same key asks again instead of getting this: nothing was done, or nobody knows.
bool tries_again(const TrainerAnswer& answer);

// One submitted command and all who wait for its outcome (the same key joins).
struct CommandRequest {
  Command command;
  std::vector<Respond> responds;
  CommandOutcome outcome;
  std::size_t unanswered = 0;
  std::size_t answered_bytes = 0;  // of results
  std::int64_t submitted_us = 0;
  bool here_only = false;  // trainers of other bridges were left out
  bool done = false;

  std::size_t bytes() const;
};
using CommandRequestPtr = std::shared_ptr<CommandRequest>;

// A key is its requester's own. Bounded in keys and bytes: the oldest that is done makes room. One thread.
class RememberedCommands {
 public:
  // The request with this command's key; null where there is none, or it has no key.
  CommandRequestPtr find(const Command& command, std::int64_t now_us);

  // In place of one with the same key, which is done.
  void add(const CommandRequestPtr& request);

  // It is done: its outcome is kept, or forgotten where the same key shall try again.
  void finish(const CommandRequest& request);

  std::size_t bytes() const { return bytes_; }
  // Of all, with commands and answers.
  void set_bytes_max(std::size_t bytes_max) { bytes_max_ = bytes_max; }

 private:
  struct Entry {
    CommandRequestPtr request;
    std::list<std::string>::iterator order;
    std::size_t bytes = 0;
  };
  using Entries = std::unordered_map<std::string, Entry>;
  void forget(Entries::iterator entry);
  void make_room(std::int64_t now_us);

  Entries by_key_;
  std::list<std::string> order_;  // oldest first
  std::size_t bytes_ = 0;
  std::size_t bytes_max_ = 16 << 20;
};

}  // namespace bridge
