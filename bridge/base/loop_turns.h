// How long a loop's turns take: a turn is one handler, from its start until others are looked at again.
#pragma once

#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>

#include "base/clock.h"
#include "base/counters.h"
#include "base/slow_turns.h"

namespace bridge {

inline constexpr std::int64_t kLongTurnUs = 2'000;  // nobody's wish may make one longer

// Counts the turns of the thread that made it, as long as it lives (net/turn_tracking.h calls it). The clock and
// the counters must outlive it, and `slow`, which is given those that take long; null: nobody is.
class LoopTurns {
 public:
  LoopTurns(Counters& counters, const Clock& clock, SlowTurns* slow = nullptr)
      : counters_(counters), clock_(clock), slow_(slow) {
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

  friend class TurnPart;

  // What the turn did so far; the first is all that has no name.
  struct Doing {
    std::array<SlowTurn::Part, SlowTurn::kPartsMax> parts{};
    std::size_t count = 0;
    std::size_t now = 0;  // the part that is being done,
    std::int64_t since_us = 0;  // from here on
    std::uint64_t bodies_in = 0, events_out = 0, bytes_out = 0, requests = 0;  // before it
  };

  // The longest of the last minute, by slots.
  struct Longest {
    std::array<std::uint64_t, 12> us{};
    std::uint64_t& at(std::int64_t slot) { return us[static_cast<std::size_t>(slot) % us.size()]; }
    std::uint64_t max() const { return *std::max_element(us.begin(), us.end()); }
  };

  void start(std::int64_t now_us) {
    began_us_ = now_us;
    doing_.parts[0] = {"other", 1, 0};
    doing_.count = 1;
    doing_.now = 0;
    doing_.since_us = now_us;
    doing_.bodies_in = counters_.bodies_received;
    doing_.events_out = counters_.events_sent;
    doing_.bytes_out = counters_.bytes_sent;
    doing_.requests = counters_.requests + counters_.http_requests;
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
    if (slow_ != nullptr && took_us > static_cast<std::uint64_t>(kSlowTurnUs)) tell(now_us, cpu_us);
  }
  void tell(std::int64_t now_us, std::uint64_t cpu_us) {
    doing_.parts[doing_.now].us += now_us - doing_.since_us;
    SlowTurn turn;
    turn.ended_us = clock_.wall_us();
    turn.took_us = now_us - began_us_;
    turn.cpu_us = static_cast<std::int64_t>(cpu_us);
    std::array<char, 16> name{};  // what Linux has room for
    ::pthread_getname_np(::pthread_self(), name.data(), name.size());
    turn.thread = name.data();
    turn.parts = doing_.parts;
    turn.parts_count = doing_.count;
    turn.bodies_in = counters_.bodies_received - doing_.bodies_in;
    turn.events_out = counters_.events_sent - doing_.events_out;
    turn.bytes_out = counters_.bytes_sent - doing_.bytes_out;
    turn.requests = counters_.requests + counters_.http_requests - doing_.requests;
    slow_->add(std::move(turn));
  }
  // From now on `what` is being done; returns what was.
  std::size_t enter(const char* what) {
    const std::size_t before = doing_.now;
    charge();
    std::size_t part = 0;
    while (part < doing_.count && doing_.parts[part].what != what) ++part;
    if (part == doing_.count) {
      if (part == doing_.parts.size()) return before;
      doing_.parts[doing_.count++] = {what, 0, 0};
    }
    ++doing_.parts[part].times;
    doing_.now = part;
    return before;
  }
  void leave(std::size_t before) {
    charge();
    doing_.now = before < doing_.count ? before : 0;  // another turn may have begun within it
  }
  void charge() {
    const std::int64_t now_us = clock_.steady_us();
    doing_.parts[doing_.now].us += now_us - doing_.since_us;
    doing_.since_us = now_us;
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
  SlowTurns* const slow_;
  Doing doing_;
  std::int64_t began_us_ = 0;
  std::int64_t slot_ = 0;
  std::int64_t cpu_read_us_ = -kCpuReadUs;  // when
  std::int64_t cpu_us_ = 0;
  Longest longest_;
  Longest longest_cpu_;  // the processor's time of those that were long
};

// As long as it lives, the present turn does `what`, a literal. Two readings of the clock: for what takes some
// microseconds at least, and never for an event.
class TurnPart {
 public:
  explicit TurnPart(const char* what)
      : turns_(LoopTurns::current_), before_(turns_ == nullptr ? 0 : turns_->enter(what)) {}
  ~TurnPart() {
    if (turns_ != nullptr) turns_->leave(before_);
  }
  TurnPart(const TurnPart&) = delete;
  TurnPart& operator=(const TurnPart&) = delete;

 private:
  LoopTurns* const turns_;
  const std::size_t before_;
};

}  // namespace bridge
