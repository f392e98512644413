// Counts durations in buckets of about 1.6 % width: percentiles without keeping every value.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace bench {

class Histogram {
 public:
  // Below 0 counts as 0.
  void add(std::chrono::nanoseconds duration);
  // All that the other one counted.
  void add(const Histogram& other);
  std::uint64_t count() const { return count_; }
  std::chrono::nanoseconds max() const { return max_; }
  // The value that `share` (0..1) of all values do not exceed, rounded up to its bucket's end.
  std::chrono::nanoseconds percentile(double share) const;

 private:
  // As HdrHistogram does it: 64 equal steps between each power of two and the next.
  static constexpr unsigned kStepBits = 6;
  static constexpr std::size_t kSteps = std::size_t{1} << kStepBits;
  static std::size_t bucket_of(std::uint64_t value);
  static std::uint64_t end_of(std::size_t bucket);

  std::array<std::uint64_t, (64 - kStepBits + 1) * kSteps> buckets_{};
  std::uint64_t count_ = 0;
  std::chrono::nanoseconds max_{0};
};

}  // namespace bench
