// Random numbers for markets and learning: the standard library's, with the calls that are needed.
// The same seed gives the same run with the same standard library; others differ in distributions.
#pragma once

#include <array>
#include <cstdint>
#include <random>

namespace market {

// Combines a seed and a stream number into a seed of an unrelated stream.
[[nodiscard]] inline std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t stream) {
  std::seed_seq both{seed & 0xFFFFFFFFu, seed >> 32, stream & 0xFFFFFFFFu, stream >> 32};
  std::array<std::uint32_t, 2> mixed{};
  both.generate(mixed.begin(), mixed.end());
  return std::uint64_t{mixed[0]} << 32 | mixed[1];
}

// Belongs to one thread; copying it copies its state.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : engine_(seed) {}

  // Uniform in [low, high). REQUIRES: low <= high, both finite.
  [[nodiscard]] double uniform(double low = 0.0, double high = 1.0) {
    return std::uniform_real_distribution<double>(low, high)(engine_);
  }

  // Uniform in 0..n-1. REQUIRES: n > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t n) {
    return std::uniform_int_distribution<std::uint64_t>(0, n - 1)(engine_);
  }

  // Standard normal.
  [[nodiscard]] double normal() { return normal_(engine_); }

  // Poisson with the given mean; 0 where that is not above 0. REQUIRES: mean <= 1e15.
  [[nodiscard]] std::int64_t poisson(double mean) {
    return mean > 0.0 ? std::poisson_distribution<std::int64_t>(mean)(engine_) : 0;
  }

 private:
  std::mt19937_64 engine_;
  std::normal_distribution<double> normal_;
};

}  // namespace market
