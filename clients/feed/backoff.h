#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace feed {

// How long to wait before connecting again: the rule of PROTOCOL.md, section 4, with full jitter,
// so that clients that lost the same bridge do not come back at once. A value of one thread.
class Backoff {
 public:
  struct Range {
    std::chrono::milliseconds first{250};
    std::chrono::milliseconds max{10000};
  };

  // REQUIRES: 0 <= range.first <= range.max
  Backoff(Range range, std::uint64_t seed) : range_(range), random_(seed), ceiling_(range.first) {}

  // Uniform in [0, ceiling]; the ceiling is `first` at the first call and doubles up to `max`.
  std::chrono::milliseconds next() {
    std::uniform_int_distribution<std::chrono::milliseconds::rep> wait(0, ceiling_.count());
    ceiling_ = std::min(range_.max, ceiling_ * 2);
    return std::chrono::milliseconds(wait(random_));
  }

  // The next wait is short again.
  void reset() { ceiling_ = range_.first; }

 private:
  Range range_;
  std::mt19937_64 random_;
  std::chrono::milliseconds ceiling_;
};

}  // namespace feed
