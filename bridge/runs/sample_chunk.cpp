#include "runs/sample_chunk.h"

#include <algorithm>
#include <cstring>

namespace bridge {
namespace {

constexpr char kRaw = 'r';     // 8 bytes each
constexpr char kLinear = 'l';  // the first and the distance
constexpr char kDeltas = 'd';  // the first, and 4 bytes each

template <class T>
void put(std::string* out, const T* from, std::size_t n) {
  out->append(reinterpret_cast<const char*>(from), n * sizeof(T));
}

template <class T>
bool take_raw(std::string_view bytes, std::size_t points, std::vector<T>* to) {
  if (bytes.size() != points * sizeof(T)) return false;
  to->resize(points);
  if (points != 0) std::memcpy(to->data(), bytes.data(), bytes.size());
  return true;
}

double at(double first, double distance, std::size_t i) {
  return first + static_cast<double>(i) * distance;
}

}  // namespace

ChunkSummary::ChunkSummary(const ChunkPoints& p) : points(p.size()) {
  if (points == 0) return;
  const auto [step_low, step_high] = std::minmax_element(p.steps.begin(), p.steps.end());
  const auto [time_low, time_high] = std::minmax_element(p.times_us.begin(), p.times_us.end());
  step_min = *step_low;
  step_max = *step_high;
  time_min_us = *time_low;
  time_max_us = *time_high;
  rises = (std::is_sorted(p.steps.begin(), p.steps.end()) ? 1u : 0u) |
          (std::is_sorted(p.times_us.begin(), p.times_us.end()) ? 2u : 0u);
  for (const double value : p.values) {
    min = std::fmin(min, value);  // of a number and NaN it is the number
    max = std::fmax(max, value);
    none += std::isnan(value) ? 1 : 0;
  }
  first = p.values.front();
  last = p.values.back();
}

std::string encode_steps(const std::vector<double>& steps) {
  std::string out;
  if (steps.empty()) return out;
  const double distance = steps.size() > 1 ? steps[1] - steps[0] : 0;
  bool linear = std::isfinite(distance);
  for (std::size_t i = 0; i < steps.size() && linear; ++i) {
    linear = steps[i] == at(steps[0], distance, i);
  }
  out += linear ? kLinear : kRaw;
  if (linear) {
    put(&out, &steps[0], 1);
    put(&out, &distance, 1);
  } else {
    put(&out, steps.data(), steps.size());
  }
  return out;
}

bool decode_steps(std::string_view bytes, std::size_t points, std::vector<double>* steps) {
  if (bytes.empty()) return false;
  if (bytes[0] == kRaw) return take_raw(bytes.substr(1), points, steps);
  std::vector<double> line;
  if (bytes[0] != kLinear || !take_raw(bytes.substr(1), 2, &line)) return false;
  steps->resize(points);
  for (std::size_t i = 0; i < points; ++i) (*steps)[i] = at(line[0], line[1], i);
  return true;
}

std::string encode_values(const std::vector<double>& values) {
  std::string out;
  put(&out, values.data(), values.size());
  return out;
}

bool decode_values(std::string_view bytes, std::size_t points, std::vector<double>* values) {
  return take_raw(bytes, points, values);
}

std::string encode_times(const std::vector<std::int64_t>& times_us) {
  std::string out;
  if (times_us.empty()) return out;
  std::vector<std::uint32_t> deltas;
  deltas.reserve(times_us.size());
  for (std::size_t i = 1; i < times_us.size(); ++i) {
    const std::int64_t delta = times_us[i] - times_us[i - 1];
    if (delta < 0 || delta > UINT32_MAX) {
      out += kRaw;
      put(&out, times_us.data(), times_us.size());
      return out;
    }
    deltas.push_back(static_cast<std::uint32_t>(delta));
  }
  out += kDeltas;
  put(&out, times_us.data(), 1);
  put(&out, deltas.data(), deltas.size());
  return out;
}

bool decode_times(std::string_view bytes, std::size_t points, std::vector<std::int64_t>* times_us) {
  if (bytes.empty() || points == 0) return false;
  if (bytes[0] == kRaw) return take_raw(bytes.substr(1), points, times_us);
  std::vector<std::uint32_t> deltas;
  std::vector<std::int64_t> first;
  if (bytes[0] != kDeltas || !take_raw(bytes.substr(1, 8), 1, &first) ||
      !take_raw(bytes.substr(9), points - 1, &deltas)) {
    return false;
  }
  times_us->resize(points);
  (*times_us)[0] = first[0];
  for (std::size_t i = 1; i < points; ++i) (*times_us)[i] = (*times_us)[i - 1] + deltas[i - 1];
  return true;
}

}  // namespace bridge
