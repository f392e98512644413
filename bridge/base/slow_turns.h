// The turns of the loops that took long of late, and what each did: for people who look for what holds a bridge up.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace bridge {

inline constexpr std::int64_t kSlowTurnUs = 5'000;
inline constexpr std::size_t kSlowTurnsMax = 100;

struct SlowTurn {
  // Something that a turn did, without what it did within that.
  struct Part {
    const char* what = "";  // of the program's text: lives as long as it
    std::uint64_t times = 0;
    std::int64_t us = 0;
  };
  static constexpr std::size_t kPartsMax = 12;  // the rest counts as the first, which is all that has no name

  std::int64_t ended_us = 0;  // wall clock
  std::int64_t took_us = 0;
  std::int64_t cpu_us = 0;  // of the processor; in the rest the thread waited, or others had it
  std::string thread;
  std::array<Part, kPartsMax> parts{};
  std::size_t parts_count = 0;
  std::uint64_t bodies_in = 0, events_out = 0, bytes_out = 0, requests = 0;
};

// The newest kSlowTurnsMax of all threads. Any thread.
class SlowTurns {
 public:
  void add(SlowTurn turn) {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++count_;
    turns_.push_back(std::move(turn));
    if (turns_.size() > kSlowTurnsMax) turns_.pop_front();
  }
  // The newest first.
  std::vector<SlowTurn> list() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return {turns_.rbegin(), turns_.rend()};
  }
  // Also those that are no longer there.
  std::uint64_t count() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return count_;
  }

 private:
  mutable std::mutex mutex_;
  std::deque<SlowTurn> turns_;
  std::uint64_t count_ = 0;
};

}  // namespace bridge
