// How far a source's clock is from the bridge's, as NTP finds it from four stamps (RFC 5905 section 8).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace bridge {

// One question and its answer: the bridge said `asked` (T1), the source got it at `heard` (T2) and spoke at `said` (T3),
// which the bridge has now (T4). T2 and T3 are the source's clock. How far that is ahead is ((T2 - T1) + (T3 - T4)) / 2,
// wrong by at most half the time that both ways took, (T4 - T1) - (T3 - T2): so of the newest eight the one with the
// shortest ways counts (section 10). The bridge's own times are taken from its steady clock, so that setting its clock
// changes nothing but what comes after. One thread.
class SourceClock {
 public:
  // The bridge tells the source its time now: what is known of an earlier question is forgotten.
  void asked(std::int64_t wall_us, std::int64_t steady_us) {
    asked_wall_us_ = wall_us;
    asked_steady_us_ = steady_us;
  }

  // The source answers: `at_s` as the bridge said it, and T2 and T3 in seconds. What was not asked, and what no clock can
  // have shown, changes nothing.
  void answered(double at_s, double heard_s, double said_s, std::int64_t wall_us, std::int64_t steady_us) {
    if (!asked_wall_us_ || std::abs(at_s * 1e6 - static_cast<double>(*asked_wall_us_)) > kStampErrorUs) return;
    asked_wall_us_.reset();
    if (!(heard_s >= 0 && heard_s <= kSecondsMax && said_s >= 0 && said_s <= kSecondsMax)) return;
    const auto between_us = static_cast<std::int64_t>((said_s - heard_s) * 1e6);
    const std::int64_t ways_us = steady_us - asked_steady_us_ - between_us;
    if (between_us < 0 || ways_us < 0) return;  // its clock was set meanwhile
    Sample sample;
    const std::int64_t asked_us = wall_us - (steady_us - asked_steady_us_);
    sample.offset_us = (static_cast<std::int64_t>(heard_s * 1e6) - asked_us + static_cast<std::int64_t>(said_s * 1e6) - wall_us) / 2;
    sample.error_us = ways_us / 2;
    sample.steady_us = steady_us;
    if (const Sample* const known = best(steady_us)) {
      const std::int64_t apart = std::abs(sample.offset_us - known->offset_us);
      // Both cannot be true of clocks that run on: one was set.
      if (apart > error_us(sample, steady_us) + error_us(*known, steady_us)) count_ = 0;
    }
    samples_[count_++ % samples_.size()] = sample;
    best_ = best(steady_us);
  }

  bool known() const { return best_ != nullptr; }
  // How far the source's clock is ahead, in microseconds. REQUIRES: known().
  std::int64_t offset_us() const { return best_->offset_us; }
  // And by how much that may be wrong, with what two quartz clocks drift apart since it was found. REQUIRES: known().
  std::int64_t error_us(std::int64_t steady_us) const { return error_us(*best_, steady_us); }

  SourceClock() = default;
  SourceClock(const SourceClock&) = delete;  // best_ points into it
  SourceClock& operator=(const SourceClock&) = delete;

 private:
  static constexpr double kStampErrorUs = 2;     // from decimals to a double and back
  static constexpr double kSecondsMax = 1e11;    // the year 5138
  static constexpr std::int64_t kDriftPpm = 15;  // RFC 5905: PHI

  struct Sample {
    std::int64_t offset_us = 0;
    std::int64_t error_us = 0;
    std::int64_t steady_us = 0;  // when
  };
  static std::int64_t error_us(const Sample& s, std::int64_t steady_us) {
    return s.error_us + (steady_us - s.steady_us) * kDriftPpm / 1'000'000 + 1;
  }
  const Sample* best(std::int64_t steady_us) const {
    const auto end = samples_.begin() + static_cast<std::ptrdiff_t>(std::min(count_, samples_.size()));
    const auto found = std::min_element(samples_.begin(), end, [steady_us](const Sample& a, const Sample& b) {
      return error_us(a, steady_us) < error_us(b, steady_us);
    });
    return found == end ? nullptr : &*found;
  }

  std::optional<std::int64_t> asked_wall_us_;
  std::int64_t asked_steady_us_ = 0;
  std::array<Sample, 8> samples_{};
  std::size_t count_ = 0;  // ever, since a clock was set
  const Sample* best_ = nullptr;
};

}  // namespace bridge
