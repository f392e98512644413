// Makes checkpoints of the fold, sees those that others make, and finds out where these differ from the own fold.
//
// Purpose: who joins need not have read the shared log from its beginning, which is gone one day. A checkpoint is made of the
// state behind a mark in the log, so what it must hold is decided by the messages alone and is the same whoever makes it:
// each node takes the digest of its own state there and compares. Guarantee: what waits to be folded is not in it. Bound:
// one under way at a time; one is given up where the log does not take it within a few seconds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cluster/checkpoint.h"
#include "cluster/fold.h"

namespace bridge {

// So long a replica may lag that says that there is no checkpoint.
inline constexpr std::int64_t kNoCheckpointForUs = 1'500'000;

// When the next one is due: what comes first.
struct CheckpointPace {
  std::int64_t every_us = 600'000'000;
  std::uint64_t events = 100'000;
  std::uint64_t bytes = 64 << 20;         // of messages
  std::int64_t again_us = 10'000'000;     // between two attempts
};

// Pure logic: no thread, no clock. One thread.
class Checkpoints {
 public:
  // The newest that is whole, as far as this process has seen.
  struct Newest {
    std::uint64_t last = 0;  // its last message; 0: none
    std::uint64_t at = 0;    // the message up to which its state goes
    std::uint64_t seq = 0;   // and the event
  };
  struct Comparison {
    std::string_view node;  // who made it
    bool differs = false;
  };

  Checkpoints(std::string node, CheckpointPace pace) : node_(std::move(node)), pace_(pace) {}

  // Each message once it is folded. What it says of the state is compared where this node knows what that was.
  std::optional<Comparison> on_folded(std::uint64_t seq, std::string_view bytes, const Fold& fold, std::int64_t now_us);
  // The log holds [first_seq, last_seq].
  void on_end(std::uint64_t first_seq, std::uint64_t last_seq) {
    first_seq_ = first_seq;
    last_seq_ = last_seq;
  }
  // Until it knows the newest that is in the log it makes none, as that would hide it: the log is to be asked, with these answers.
  bool asks(std::int64_t now_us);
  void on_found(std::uint64_t seq, std::string_view bytes, std::int64_t now_us);
  void on_none(std::int64_t now_us);
  // The message that is to be put into the log now; "": none. `makes`: it is this node that makes them.
  std::string tick(const Fold& fold, bool makes, std::int64_t now_us);

  const Newest& newest() const { return newest_; }
  // Attempts that the log did not take.
  std::uint64_t given_up() const { return given_up_; }

 private:
  struct State {
    std::uint64_t at = 0;
    std::uint64_t digest = 0;
  };

  bool is_due(const Fold& fold, std::int64_t now_us) const;
  void begin(std::uint64_t at, const Fold& fold, std::uint64_t digest);
  void end() {
    outgoing_.clear();
    parts_.clear();
  }

  const std::string node_;
  const CheckpointPace pace_;
  std::array<State, 8> states_;  // behind the last marks
  std::size_t next_state_ = 0;
  Newest newest_;
  // One that came late, or was never finished, hides the newest from who looks for it.
  std::uint64_t last_message_ = 0;
  std::int64_t last_message_us_ = 0;
  bool knows_newest_ = false;
  std::int64_t asked_us_ = INT64_MIN / 2;
  std::int64_t none_since_us_ = -1;  // since when all that were asked have said that there is none
  std::uint64_t first_seq_ = 1;
  std::uint64_t last_seq_ = 0;
  // Since the newest one.
  std::optional<std::uint64_t> events_from_;
  std::uint64_t bytes_ = 0;
  std::int64_t since_us_ = INT64_MIN;
  // The one that is being made.
  std::string outgoing_;  // its next message, until that is in the log; "": none is being made
  CheckpointMessage making_;
  std::vector<std::string> parts_;
  std::uint64_t marks_ = 0;
  std::int64_t began_us_ = INT64_MIN / 2;
  std::int64_t sent_us_ = INT64_MIN / 2;
  std::uint64_t given_up_ = 0;
};

}  // namespace bridge
