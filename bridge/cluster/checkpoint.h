// A fold's state in the shared log, as messages that are no proposals: every fold passes over them alike.
//
//   CHECK1 {"node":"n1","mark":"9f03...","older":90300}\n
//     The state behind this message is to be put into the log. Each node remembers what its own has come to there.
//   CHECK1 {"node":"n1","at":90411,"seq":812,"digest":"5ab1...","bytes":70122,"packed":1,"part":1,"parts":2,"before":0,"older":90300}\n
//     and the bytes of that part of Fold::save() as of the mark, message 90411, all parts together deflated where `packed` is 1.
//
// `before`: the message that holds the part before this one; 0: it is the first. `older`: the last part of the checkpoint
// before this one; 0: not known. A part goes out once the one before it is in the log, so the last one is there only with
// all others, and from it all are found. Bound: kCheckpointPartsMax of kCheckpointPartBytes each.
//
// There is one spelling: a reader refuses what the writer here would not have written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cluster/fold.h"

namespace bridge {

inline constexpr std::size_t kCheckpointBytesMax = 6 << 20;  // a fold's state, which is less
inline constexpr std::size_t kCheckpointPartBytes = 256 * 1024;
inline constexpr std::size_t kCheckpointPartsMax = kCheckpointBytesMax / kCheckpointPartBytes;

struct CheckpointMessage {
  std::string_view node;
  bool is_mark = false;
  std::uint64_t mark = 0;    // a mark's: tells it from others of that node
  std::uint64_t at = 0;      // the mark's message: the state is that behind it
  std::uint64_t seq = 0;     // the newest event then
  std::uint64_t digest = 0;  // Fold::state_digest()
  std::uint64_t bytes = 0;   // of the state
  bool packed = false;
  std::uint64_t part = 0;    // from 1
  std::uint64_t parts = 0;
  std::uint64_t before = 0;
  std::uint64_t older = 0;
  std::string_view body;

  bool is_last() const { return !is_mark && part == parts; }
  // Of one checkpoint.
  bool belongs_to(const CheckpointMessage& other) const {
    return node == other.node && at == other.at && digest == other.digest && bytes == other.bytes && packed == other.packed &&
           parts == other.parts && older == other.older;
  }
};

// False where it is none, or one of a later program. What was read points into `message`.
[[nodiscard]] bool read_checkpoint_message(std::string_view message, CheckpointMessage* read);
std::string write_checkpoint_message(const CheckpointMessage& message);

// The state deflated and cut; nothing where it is too large. `*packed`: it got smaller by it.
std::vector<std::string> checkpoint_parts(std::string_view state, bool* packed);

// The state that parts hold together, where it is what `message`, any of them, says of it, and a fold's; else "".
std::string checkpoint_state(const CheckpointMessage& message, std::string_view body, Fold empty);

}  // namespace bridge
