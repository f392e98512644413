// Whether the shared log goes on, as one bridge sees it: for who counts time by what is in it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

namespace bridge {

inline constexpr std::int64_t kPulseGapUs = 2'000'000;  // shorter pauses are none

// Pure logic, no clock. One thread.
class LogPulse {
 public:
  // `current`: just now all that is known of the log is folded and its leader answers, or it has moved on. Call every few
  // milliseconds: while this process stood still nothing could be seen, and nothing is said of that time.
  void tick(bool current, std::int64_t now_us) {
    const std::int64_t passed_us = std::max<std::int64_t>(0, now_us - std::exchange(ticked_us_, now_us));
    if (passed_us > kPulseGapUs) since_us_ = -1;
    if (current) {
      still_us_ = 0;
      if (since_us_ < 0) since_us_ = now_us;
      return;
    }
    still_us_ += std::min(passed_us, kRanUs);
    if (still_us_ > kPulseGapUs) since_us_ = -1;
  }

  bool goes_on() const { return since_us_ >= 0; }
  // Since when. REQUIRES: goes_on().
  std::int64_t since_us() const { return since_us_; }
  // How long it has not, of the time in which this process ran.
  std::int64_t still_us() const { return still_us_; }

 private:
  static constexpr std::int64_t kRanUs = 100'000;

  std::int64_t ticked_us_ = 0;
  std::int64_t since_us_ = -1;  // it does not
  std::int64_t still_us_ = 0;
};

}  // namespace bridge
