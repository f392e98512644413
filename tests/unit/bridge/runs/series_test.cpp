#include "runs/series.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "run_events.h"
#include "runs/run_store.h"

using namespace bridge;

namespace {

struct Point {
  double x;
  double value;
};

bool same_number(double a, double b) { return a == b || (std::isnan(a) && std::isnan(b)); }

// M4 as its paper has it, by looking at each point.
std::vector<Bucket> by_hand(std::vector<Point> points, const SeriesRange& range) {
  points.erase(std::remove_if(points.begin(), points.end(),
                              [&](const Point& p) {
                                return (range.from && p.x < *range.from) || (range.to && p.x > *range.to);
                              }),
               points.end());
  std::stable_sort(points.begin(), points.end(), [](const Point& a, const Point& b) { return a.x < b.x; });
  std::vector<Bucket> out;
  std::map<std::size_t, std::vector<Point>> groups;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double from = range.from.value_or(points.front().x);
    const double to = range.to.value_or(points.back().x);
    const std::size_t group = points.size() <= range.points_max
                                  ? i
                                  : BucketScale(from, to, range.points_max).bucket_of(points[i].x);
    groups[group].push_back(points[i]);
  }
  for (const auto& [group, in] : groups) {
    Bucket b{in.front().x, in.back().x, in.front().value, in.back().value, kNoNumber, kNoNumber, in.size(), 0};
    for (const Point& p : in) {
      if (std::isnan(p.value)) {
        ++b.none;
        continue;
      }
      if (std::isnan(b.min) || p.value < b.min) b.min = p.value;
      if (std::isnan(b.max) || p.value > b.max) b.max = p.value;
    }
    out.push_back(b);
  }
  return out;
}

void check_same(const std::vector<Bucket>& got, const std::vector<Bucket>& wanted) {
  REQUIRE(got.size() == wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CAPTURE(i);
    CHECK(got[i].x_first == wanted[i].x_first);
    CHECK(got[i].x_last == wanted[i].x_last);
    CHECK(same_number(got[i].first, wanted[i].first));
    CHECK(same_number(got[i].last, wanted[i].last));
    CHECK(same_number(got[i].min, wanted[i].min));
    CHECK(same_number(got[i].max, wanted[i].max));
    CHECK(got[i].points == wanted[i].points);
    CHECK(got[i].none == wanted[i].none);
  }
}

std::string text_of_number(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.17g", value);
  return std::isnan(value) ? "NaN" : text;
}

}  // namespace

TEST_CASE("series: a curve in the file comes back as M4 of all its points, for any series and range") {
  std::mt19937_64 random(7);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  for (int round = 0; round < 60; ++round) {
    CAPTURE(round);
    Database db(":memory:");
    RunStore store(db, {});
    const std::size_t count = 1 + below(round % 3 == 0 ? 40 : 6000);
    const int shape = static_cast<int>(below(4));
    std::vector<Point> points;
    std::vector<std::string> bodies;
    std::uint64_t seq = 1;
    double step = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (shape == 0) step += 1;
      if (shape == 1) step += static_cast<double>(below(1000)) / 7;
      if (shape == 2) step = below(50) == 0 ? static_cast<double>(below(count)) : step + 1;  // goes back
      if (shape == 3) step = below(3) == 0 ? step : std::ldexp(1.0, static_cast<int>(below(64)));
      const double value = below(20) == 0 ? kNoNumber : std::ldexp(static_cast<double>(below(1u << 20)), -10) - 300;
      points.push_back({step, value});
      // A neighbour, in front of it and behind it in the file.
      bodies.push_back(run_event("scalar", i % 2 == 0 ? R"({"tag":"before","value":7})" : R"({"tag":"z","value":7})"));
      bodies.push_back(run_event("scalar", R"({"tag":"t","step":)" + text_of_number(step) + R"(,"value":)" +
                                               text_of_number(value) + "}"));
      if (bodies.size() < 100 && i + 1 != count) continue;
      fold_and_commit(db, store, run_block(seq, bodies), static_cast<std::int64_t>(below(2)) * 3'000'000);
      seq += bodies.size();
      bodies.clear();
    }
    flush_all(db, store);
    for (int asked = 0; asked < 5; ++asked) {
      SeriesRange range;
      range.points_max = 1 + below(asked == 0 ? 5 : 3000);
      if (below(2) == 0) range.from = points[below(count)].x - static_cast<double>(below(2)) / 3;
      if (below(2) == 0) range.to = std::max(points[below(count)].x, range.from.value_or(-1e300));
      std::uint64_t work = 0;
      check_same(read_series(db, 2, range, &work), by_hand(points, range));
    }
  }
}

TEST_CASE("series: one spike in a million points is seen at every width") {
  std::vector<Bucket> points;
  for (int i = 0; i < 1'000'000; ++i) {
    Bucket b;
    b.add(i, i == 654'321 ? 1000.0 : 1.0);
    points.push_back(b);
  }
  for (const std::size_t width : {1u, 10u, 390u, 2000u}) {
    SeriesRange range;
    range.points_max = width;
    const auto buckets = aggregate(points, range);
    CHECK(std::count_if(buckets.begin(), buckets.end(), [](const Bucket& b) { return b.max == 1000; }) == 1);
  }
}

TEST_CASE("series: ends that a double just holds are cut into stretches all the same") {
  const double most = std::numeric_limits<double>::max();
  const BucketScale scale(-most, most, 10);
  CHECK(scale.bucket_of(-most) == 0);
  CHECK(scale.bucket_of(0) == 5);
  CHECK(scale.bucket_of(most) == 9);
  CHECK(BucketScale(3, 3, 10).bucket_of(3) == 0);
}

TEST_CASE("series: what a row says is read back, whatever the steps and the times") {
  const double big = 9'223'372'036'854'775'808.0;
  for (const std::vector<double>& steps :
       {std::vector<double>{1, 2, 3, 4}, {5, 5, 5}, {1}, {3, 2, 1}, {0, big, 1e300}, {0.1, 0.2, 0.30000000000000004}}) {
    std::vector<double> back;
    CHECK(decode_steps(encode_steps(steps), steps.size(), &back));
    CHECK(back == steps);
    CHECK_FALSE(decode_steps(encode_steps(steps).substr(1), steps.size(), &back));
  }
  for (const std::vector<std::int64_t>& times :
       {std::vector<std::int64_t>{1, 2, 2}, {7}, {5, 4}, {0, 5'000'000'000'000}}) {
    std::vector<std::int64_t> back;
    CHECK(decode_times(encode_times(times), times.size(), &back));
    CHECK(back == times);
    CHECK_FALSE(decode_times(encode_times(times), times.size() + 1, &back));
  }
}
