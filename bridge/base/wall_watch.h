// Whether the wall clock goes as the steady clock does.
#pragma once

#include <algorithm>
#include <cstdint>

namespace bridge {

// A difference like this is a step. Smaller ones, as slewing and leap seconds make, are followed.
inline constexpr std::int64_t kClockStepUs = 1'500'000;

// A machine that was suspended looks like a step ahead: the steady clock stood still. One thread.
class WallWatch {
 public:
  // By how much the wall clock has stepped since the call before, ahead or (below 0) back; 0: it has not.
  std::int64_t observe(std::int64_t wall_us, std::int64_t steady_us) {
    const std::int64_t offset_us = wall_us - steady_us;
    const std::int64_t step_us = watching_ ? offset_us - offset_us_ : 0;
    watching_ = true;
    offset_us_ = offset_us;
    if (steady_us >= doubted_until_us_) doubted_us_ = 0;
    if (step_us > -kClockStepUs && step_us < kClockStepUs) return 0;
    doubted_us_ = std::max<std::int64_t>(0, doubted_us_ + step_us);
    if (step_us > 0) doubted_until_us_ = steady_us + kDoubtUs;
    return step_us;
  }

  // For all that is known the wall clock may be so far ahead: as if it had just stepped.
  void doubt(std::int64_t ahead_us, std::int64_t steady_us) {
    if (ahead_us < kClockStepUs) return;
    doubted_us_ = std::max(doubted_us_, ahead_us);
    doubted_until_us_ = steady_us + kDoubtUs;
  }

  // How far the wall clock has stepped ahead in the last ten minutes. Who cannot undo what he does by it
  // goes by the time without that.
  std::int64_t doubted_us() const { return doubted_us_; }

 private:
  static constexpr std::int64_t kDoubtUs = 600'000'000;

  bool watching_ = false;
  std::int64_t offset_us_ = 0;
  std::int64_t doubted_us_ = 0;
  std::int64_t doubted_until_us_ = 0;
};

}  // namespace bridge
