#include "runs/series.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "runs/run_tables.h"

namespace bridge {
namespace {

constexpr std::uint64_t kPointsPerWork = 8;  // read, as RequestBudget counts

// What `chunks` says of a row of `samples`, by the axis that is asked for.
struct Stretch {
  std::uint64_t id = 0;
  std::uint64_t points = 0;
  std::uint64_t none = 0;
  bool rises = false;
  double x_min = 0;
  double x_max = 0;
  double min = kNoNumber, max = kNoNumber, first = kNoNumber, last = kNoNumber;
};

double number_or_none(const Statement& row, int column) {
  return row.is_null(column) ? kNoNumber : row.real(column);
}

double place(std::int64_t time_us, const SeriesRange& range) {
  const double seconds = static_cast<double>(time_us) / 1e6;
  return range.axis == SeriesRange::Axis::relative ? seconds - range.origin_s : seconds;
}

std::vector<Stretch> read_stretches(Database& database, std::uint64_t curve, const SeriesRange& range) {
  const bool by_step = range.axis == SeriesRange::Axis::step;
  Statement rows(database,
                 by_step ? "SELECT id,points,rises,step_min,step_max,min,max,first,last FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id"
                         : "SELECT id,points,rises,time_min,time_max,min,max,first,last FROM chunks WHERE id BETWEEN ? AND ? ORDER BY id");
  rows.bind_all(curve << kChunkBits, ((curve + 1) << kChunkBits) - 1);
  std::vector<Stretch> out;
  while (rows.step()) {
    Stretch s;
    s.id = rows.number(0);
    s.points = rows.number(1);
    s.rises = (rows.number(2) & (by_step ? 1u : 2u)) != 0;
    s.none = std::min(s.points, rows.number(2) >> 2);
    s.x_min = by_step ? rows.real(3) : place(static_cast<std::int64_t>(rows.number(3)), range);
    s.x_max = by_step ? rows.real(4) : place(static_cast<std::int64_t>(rows.number(4)), range);
    s.min = number_or_none(rows, 5);
    s.max = number_or_none(rows, 6);
    s.first = number_or_none(rows, 7);
    s.last = number_or_none(rows, 8);
    if ((range.from && s.x_max < *range.from) || (range.to && s.x_min > *range.to)) continue;
    if (s.points != 0 && s.points <= kChunkPointsMax) out.push_back(s);
  }
  return out;
}

// Reads the points of one row after another.
class PointReader {
 public:
  PointReader(Database& database, const SeriesRange& range)
      : range_(range),
        by_step_(range.axis == SeriesRange::Axis::step),
        read_(database, by_step_ ? "SELECT steps,vals FROM samples WHERE id=?"
                                 : "SELECT times,vals FROM samples WHERE id=?") {}

  // False where somebody has changed the row.
  bool read(const Stretch& stretch) {
    read_.bind(1, stretch.id);
    const auto n = static_cast<std::size_t>(stretch.points);
    bool good = read_.step() && decode_values(read_.blob(1), n, &values);
    if (good && by_step_) good = decode_steps(read_.blob(0), n, &xs);
    if (good && !by_step_) {
      good = decode_times(read_.blob(0), n, &times_);
      xs.resize(n);
      for (std::size_t i = 0; good && i < n; ++i) xs[i] = place(times_[i], range_);
    }
    read_.reset();
    return good;
  }

  const SeriesRange& range() const { return range_; }

  std::vector<double> xs;
  std::vector<double> values;

 private:
  const SeriesRange& range_;
  const bool by_step_;
  Statement read_;
  std::vector<std::int64_t> times_;
};

bool in_range(double x, const SeriesRange& range) {
  return !(range.from && x < *range.from) && !(range.to && x > *range.to);
}

// The lowest and the highest number; infinity and its negative where there is none. In lanes, as each comparison
// else waits for the one before.
std::pair<double, double> extremes(const double* values, std::size_t n) {
  constexpr std::size_t kLanes = 8;
  double low[kLanes], high[kLanes];
  std::fill_n(low, kLanes, std::numeric_limits<double>::infinity());
  std::fill_n(high, kLanes, -std::numeric_limits<double>::infinity());
  const auto take = [&](std::size_t lane, double v) {
    low[lane] = v < low[lane] ? v : low[lane];  // false of NaN
    high[lane] = v > high[lane] ? v : high[lane];
  };
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) take(lane, values[i + lane]);
  }
  for (; i < n; ++i) take(0, values[i]);
  return {*std::min_element(low, low + kLanes), *std::max_element(high, high + kLanes)};
}

// Points [i, end) in one, none of them before another. REQUIRES: i < end.
Bucket bucket_of_points(const PointReader& points, std::size_t i, std::size_t end) {
  Bucket bucket{points.xs[i], points.xs[end - 1], points.values[i], points.values[end - 1],
                kNoNumber,    kNoNumber,          end - i,          0};
  const auto [low, high] = extremes(points.values.data() + i, end - i);
  for (std::size_t k = i; k < end; ++k) bucket.none += std::isnan(points.values[k]) ? 1 : 0;
  if (low <= high) {
    bucket.min = low;
    bucket.max = high;
  }
  return bucket;
}

std::vector<Bucket> read_points(const std::vector<Stretch>& stretches, PointReader& reader,
                                std::uint64_t* work) {
  std::vector<Bucket> points;
  for (const Stretch& s : stretches) {
    *work += s.points / kPointsPerWork;
    if (!reader.read(s)) continue;
    for (std::size_t i = 0; i < reader.xs.size(); ++i) {
      if (in_range(reader.xs[i], reader.range())) points.push_back(bucket_of_points(reader, i, i + 1));
    }
  }
  return points;
}

std::vector<Bucket> without_empty(std::vector<Bucket> buckets) {
  buckets.erase(std::remove_if(buckets.begin(), buckets.end(),
                               [](const Bucket& b) { return b.points == 0; }),
                buckets.end());
  return buckets;
}

}  // namespace

void Bucket::add(const Bucket& later) {
  if (points == 0) {
    *this = later;
    return;
  }
  if (later.x_first < x_first) {
    x_first = later.x_first;
    first = later.first;
  }
  if (later.x_last >= x_last) {
    x_last = later.x_last;
    last = later.last;
  }
  min = std::fmin(min, later.min);  // of a number and NaN it is the number
  max = std::fmax(max, later.max);
  points += later.points;
  none += later.none;
}

std::vector<Bucket> aggregate(std::vector<Bucket> points, const SeriesRange& range) {
  points.erase(std::remove_if(points.begin(), points.end(),
                              [&](const Bucket& b) { return !in_range(b.x_first, range); }),
               points.end());
  const auto before = [](const Bucket& a, const Bucket& b) { return a.x_first < b.x_first; };
  if (!std::is_sorted(points.begin(), points.end(), before)) {
    std::stable_sort(points.begin(), points.end(), before);
  }
  if (points.size() <= range.points_max) return points;
  const BucketScale scale(range.from.value_or(points.front().x_first),
                          range.to.value_or(points.back().x_first), range.points_max);
  std::vector<Bucket> buckets(range.points_max);
  for (const Bucket& point : points) buckets[scale.bucket_of(point.x_first)].add(point);
  return without_empty(std::move(buckets));
}

std::vector<Bucket> read_series(Database& database, std::uint64_t curve, const SeriesRange& range,
                                std::uint64_t* work) {
  const std::vector<Stretch> stretches = read_stretches(database, curve, range);
  *work += stretches.size();
  std::uint64_t points_max = 0;
  double low = std::numeric_limits<double>::infinity();
  double high = -low;
  for (const Stretch& s : stretches) {
    points_max += s.points;
    low = std::min(low, s.x_min);
    high = std::max(high, s.x_max);
  }
  if (points_max == 0) return {};
  PointReader reader(database, range);
  // Few enough to be told one by one, but for what of two rows lies outside.
  if (points_max <= range.points_max + 2 * kChunkPointsMax) {
    return aggregate(read_points(stretches, reader, work), range);
  }
  const BucketScale scale(range.from.value_or(low), range.to.value_or(high), range.points_max);
  std::vector<Bucket> buckets(range.points_max);
  for (const Stretch& s : stretches) {
    if (s.rises && in_range(s.x_min, range) && in_range(s.x_max, range) &&
        scale.bucket_of(s.x_min) == scale.bucket_of(s.x_max)) {
      buckets[scale.bucket_of(s.x_min)].add({s.x_min, s.x_max, s.first, s.last, s.min, s.max, s.points, s.none});
      continue;
    }
    *work += s.points / kPointsPerWork;
    if (!reader.read(s)) continue;
    const std::size_t n = reader.xs.size();
    for (std::size_t i = 0; i < n;) {
      const double x = reader.xs[i];
      if (!in_range(x, range)) {
        ++i;
        continue;
      }
      const std::size_t bucket = scale.bucket_of(x);
      std::size_t end = i + 1;
      if (s.rises) {
        const auto behind = std::partition_point(
            reader.xs.begin() + static_cast<std::ptrdiff_t>(end), reader.xs.end(), [&](double later) {
              return in_range(later, range) && scale.bucket_of(later) == bucket;
            });
        end = static_cast<std::size_t>(behind - reader.xs.begin());
      }
      buckets[bucket].add(bucket_of_points(reader, i, end));
      i = end;
    }
  }
  buckets = without_empty(std::move(buckets));
  std::uint64_t points = 0;
  for (const Bucket& bucket : buckets) points += bucket.points;
  // Where steps went back and forth, few points of many rows may be within the range.
  return points > range.points_max ? buckets : aggregate(read_points(stretches, reader, work), range);
}

}  // namespace bridge
