// How many things took how long, by size.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace bridge {

// Fixed bounds, a few comparisons to add to it. One thread.
class DurationHistogram {
 public:
  static constexpr std::array<std::int64_t, 14> kBoundsUs = {
      100,    250,    500,     1'000,   2'500,     5'000,     10'000,
      25'000, 50'000, 100'000, 250'000, 1'000'000, 2'500'000, 10'000'000};

  // `times` things took `us` each; below 0 (a clock was set back) counts as 0.
  void add(std::int64_t us, std::uint64_t times) {
    us = std::max<std::int64_t>(us, 0);
    const auto bound = std::lower_bound(kBoundsUs.begin(), kBoundsUs.end(), us);
    counts_[static_cast<std::size_t>(bound - kBoundsUs.begin())] += times;
    count_ += times;
    sum_us_ += static_cast<double>(us) * static_cast<double>(times);
  }

  DurationHistogram& operator+=(const DurationHistogram& other) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    count_ += other.count_;
    sum_us_ += other.sum_us_;
    return *this;
  }

  // Those above the bound before and at most at the `i`th; the last one has no bound.
  std::uint64_t in_bucket(std::size_t i) const { return counts_[i]; }
  std::uint64_t count() const { return count_; }
  double sum_us() const { return sum_us_; }

 private:
  std::array<std::uint64_t, kBoundsUs.size() + 1> counts_{};
  std::uint64_t count_ = 0;
  double sum_us_ = 0;
};

}  // namespace bridge
