// A stretch of one curve: up to kChunkPoints points in the order in which they came, and how the file keeps
// them (tables `chunks` and `samples`).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace bridge {

// So many take one page of the file, of steps that are equally far from each other.
inline constexpr std::size_t kChunkPoints = 336;
inline constexpr std::size_t kChunkPointsMax = 512;  // in rows of older bridges
inline constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

struct ChunkPoints {
  std::vector<double> steps;
  std::vector<double> values;  // NaN: it was no number
  std::vector<std::int64_t> times_us;

  std::size_t size() const { return values.size(); }
  void add(double step, double value, std::int64_t time_us) {
    steps.push_back(step);
    values.push_back(value);
    times_us.push_back(time_us);
  }
  std::size_t bytes() const { return values.capacity() * 24; }
};

// What stands beside the points, so that few of them need be read.
struct ChunkSummary {
  explicit ChunkSummary(const ChunkPoints& points);
  ChunkSummary() = default;

  std::uint64_t points = 0;
  std::uint64_t rises = 0;  // 1: steps never fall; 2: times never fall
  std::uint64_t none = 0;   // how many are no numbers
  double step_min = 0;
  double step_max = 0;
  std::int64_t time_min_us = 0;
  std::int64_t time_max_us = 0;
  double min = kNoNumber;  // of the values that are numbers
  double max = kNoNumber;
  double first = kNoNumber;
  double last = kNoNumber;
};

// Columns of `samples`. Steps that are equally far apart take 17 bytes, times 4 a point as a rule, values 8.
// What was encoded decodes to equal numbers.
std::string encode_steps(const std::vector<double>& steps);
std::string encode_values(const std::vector<double>& values);
std::string encode_times(const std::vector<std::int64_t>& times_us);
// False where the bytes are not of `points` points.
[[nodiscard]] bool decode_steps(std::string_view bytes, std::size_t points, std::vector<double>* steps);
[[nodiscard]] bool decode_values(std::string_view bytes, std::size_t points, std::vector<double>* values);
[[nodiscard]] bool decode_times(std::string_view bytes, std::size_t points,
                                std::vector<std::int64_t>* times_us);

}  // namespace bridge
