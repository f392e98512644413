// A curve for a picture: of each stretch of the axis its first, last, lowest and highest point, so that the line
// drawn through these is the line through all points (M4: Jugel, Jerzak, Hackenbroich and Markl, VLDB 2014).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "runs/database.h"
#include "runs/sample_chunk.h"

namespace bridge {

// The points between two places of the axis. First and last are those of the smallest and the largest x; of
// equal ones, what came first and last.
struct Bucket {
  double x_first = 0;
  double x_last = 0;
  double first = kNoNumber;
  double last = kNoNumber;
  double min = kNoNumber;  // of the numbers
  double max = kNoNumber;
  std::uint64_t points = 0;  // NaN too
  std::uint64_t none = 0;    // of them, NaN

  void add(double x, double value) {
    add({x, x, value, value, value, value, 1, std::isnan(value) ? 1u : 0u});
  }
  void add(const Bucket& later);
};

struct SeriesRange {
  enum class Axis { step, time, relative } axis = Axis::step;
  std::optional<double> from, to;  // both included
  std::size_t points_max = 2000;
  double origin_s = 0;  // of a relative axis
};

// Cuts [from, to] into `count` equal stretches. Any finite ends, from <= to.
class BucketScale {
 public:
  BucketScale(double from, double to, std::size_t count)
      : from_(from / 2), width_(to / 2 - from / 2), count_(count) {}
  // REQUIRES: from <= x <= to.
  std::size_t bucket_of(double x) const {
    if (!(width_ > 0)) return 0;
    const double place = (x / 2 - from_) / width_ * static_cast<double>(count_);
    const auto bucket = static_cast<std::size_t>(place);
    return bucket < count_ ? bucket : count_ - 1;
  }

 private:
  double from_;
  double width_;
  std::size_t count_;
};

// Points in any order, by one of the axes. Where there are no more than `points_max` in the range each is a bucket
// of its own; empty buckets are left out. In order of x.
std::vector<Bucket> aggregate(std::vector<Bucket> points, const SeriesRange& range);

// The same of a curve that RunStore has written. `*work` grows by what it cost (RequestBudget). Throws
// DatabaseError.
std::vector<Bucket> read_series(Database& database, std::uint64_t curve, const SeriesRange& range,
                                std::uint64_t* work);

}  // namespace bridge
