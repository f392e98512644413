// How long a loop's turns take: a turn is one handler, from its start until others are looked at again.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <ctime>

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
    if (current_ != nullptr) current_->start(current_->clock_.steady_us());
  }
  static void end() {
    if (current_ != nullptr) current_->count(current_->clock_.steady_us());
  }

 private:
  static constexpr std::int64_t kSlotUs = 5'000'000;
  static constexpr std::int64_t kCpuReadUs = 200;  // between two readings: each is a system call

  // The longest of the last minute, by slots.
  struct Longest {
    std::array<std::uint64_t, 12> us{};
    std::uint64_t& at(std::int64_t slot) { return us[static_cast<std::size_t>(slot) % us.size()]; }
    std::uint64_t max() const { return *std::max_element(us.begin(), us.end()); }
  };

  void start(std::int64_t now_us) {
    began_us_ = now_us;
    if (now_us - cpu_read_us_ < kCpuReadUs) return;
    cpu_read_us_ = now_us;
    cpu_us_ = thread_cpu_us();
  }
  void count(std::int64_t now_us) {
    const auto took_us = static_cast<std::uint64_t>(now_us - began_us_);
    ++counters_.loop_turns;
    if (now_us / kSlotUs != slot_) forget_to(now_us / kSlotUs);
    longest_.at(slot_) = std::max(longest_.at(slot_), took_us);
    counters_.loop_turn_us_max = std::max(counters_.loop_turn_us_max, took_us);
    if (took_us <= static_cast<std::uint64_t>(kLongTurnUs)) return;
    ++counters_.loop_turns_long;
    const auto cpu_us = std::min(took_us, static_cast<std::uint64_t>(thread_cpu_us() - cpu_us_));
    if (cpu_us > static_cast<std::uint64_t>(kLongTurnUs + kCpuReadUs)) ++counters_.loop_turns_cpu_long;
    longest_cpu_.at(slot_) = std::max(longest_cpu_.at(slot_), cpu_us);
    counters_.loop_turn_cpu_us_max = std::max(counters_.loop_turn_cpu_us_max, cpu_us);
  }
  void forget_to(std::int64_t slot) {
    const std::int64_t old = std::max(slot_, slot - static_cast<std::int64_t>(longest_.us.size()));
    for (std::int64_t s = old + 1; s <= slot; ++s) longest_.at(s) = longest_cpu_.at(s) = 0;
    slot_ = slot;
    counters_.loop_turn_us_max = longest_.max();
    counters_.loop_turn_cpu_us_max = longest_cpu_.max();
  }
  static std::int64_t thread_cpu_us() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1'000'000 + t.tv_nsec / 1'000;
  }

  static inline thread_local LoopTurns* current_ = nullptr;
  Counters& counters_;
  const Clock& clock_;
  std::int64_t began_us_ = 0;
  std::int64_t slot_ = 0;
  std::int64_t cpu_read_us_ = -kCpuReadUs;  // when
  std::int64_t cpu_us_ = 0;
  Longest longest_;
  Longest longest_cpu_;  // the processor's time of those that were long
};

}  // namespace bridge
