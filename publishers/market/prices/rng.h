// Random numbers that are the same on every platform.
//
// The standard fixes the bits of std::mt19937_64 but not the algorithms of its distributions, so a
// run that has to repeat bit for bit brings both: xoshiro256** (Blackman and Vigna, "Scrambled
// linear pseudorandom number generators", 2021) seeded through SplitMix64, and the textbook
// distributions named below.
#pragma once

#include <array>
#include <cstdint>

namespace market {

// Combines a seed and a stream number into a seed of an unrelated stream (SplitMix64's finaliser).
[[nodiscard]] std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t stream);

// A generator and its distributions. Belongs to one thread; copying it copies its state.
class Rng {
 public:
  explicit Rng(std::uint64_t seed);

  // 64 random bits.
  [[nodiscard]] std::uint64_t next();

  // Uniform in [0, 1), a multiple of 2^-53.
  [[nodiscard]] double uniform();

  // Uniform in [low, high). REQUIRES: low <= high, both finite.
  [[nodiscard]] double uniform(double low, double high);

  // Uniform in 0..n-1, without modulo bias. REQUIRES: n > 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t n);

  // Standard normal by Marsaglia's polar method (Marsaglia and Bray, 1964).
  [[nodiscard]] double normal();

  // Poisson with the given mean: multiplication of uniforms below 30 (Knuth, TAOCP vol. 2, 3.4.1),
  // the rounded normal approximation above. 0 where the mean is not above 0.
  // REQUIRES: mean <= 1e15.
  [[nodiscard]] std::int64_t poisson(double mean);

 private:
  std::array<std::uint64_t, 4> state_;
  double spare_normal_ = 0.0;
  bool has_spare_ = false;
};

}  // namespace market
