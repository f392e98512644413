// How long a loop's turns take: a turn is one handler, from its start until others are looked at again.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/clock.h"
#include "base/counters.h"

namespace bridge {

inline constexpr std::int64_t kLongTurnUs = 2'000;  // nobody's wish may make one longer

// Counts the turns of the thread that made it, as long as it lives (net/turn_tracking.h calls it). The clock and
// the counters must outlive it.
class LoopTurns {
 public:
  LoopTurns(Counters& counters, const Clock& clock) : counters_(counters), clock_(clock) {
    current_ = this;
  }
  ~LoopTurns() { current_ = nullptr; }
  LoopTurns(const LoopTurns&) = delete;
  LoopTurns& operator=(const LoopTurns&) = delete;

  // Of this thread's; nothing where it has none.
  static void begin() {
    if (current_ != nullptr) current_->began_us_ = current_->clock_.steady_us();
  }
  static void end() {
    if (current_ != nullptr) current_->count(current_->clock_.steady_us());
  }

 private:
  static constexpr std::int64_t kSlotUs = 5'000'000;

  void count(std::int64_t now_us) {
    const auto took_us = static_cast<std::uint64_t>(now_us - began_us_);
    ++counters_.loop_turns;
    if (took_us > static_cast<std::uint64_t>(kLongTurnUs)) ++counters_.loop_turns_long;
    if (now_us / kSlotUs != slot_) forget_to(now_us / kSlotUs);
    std::uint64_t& longest = longest_us_[static_cast<std::size_t>(slot_) % longest_us_.size()];
    longest = std::max(longest, took_us);
    counters_.loop_turn_us_max = std::max(counters_.loop_turn_us_max, took_us);
  }
  void forget_to(std::int64_t slot) {
    const std::int64_t old = std::max(slot_, slot - static_cast<std::int64_t>(longest_us_.size()));
    for (std::int64_t s = old + 1; s <= slot; ++s) {
      longest_us_[static_cast<std::size_t>(s) % longest_us_.size()] = 0;
    }
    slot_ = slot;
    counters_.loop_turn_us_max = *std::max_element(longest_us_.begin(), longest_us_.end());
  }

  static inline thread_local LoopTurns* current_ = nullptr;
  Counters& counters_;
  const Clock& clock_;
  std::int64_t began_us_ = 0;
  std::int64_t slot_ = 0;
  std::array<std::uint64_t, 12> longest_us_{};  // of the last minute, by slots
};

}  // namespace bridge
