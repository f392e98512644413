#include "market/prices/rng.h"

#include <cassert>
#include <cmath>

namespace market {
namespace {

constexpr double kPoissonExactMax = 30.0;

std::uint64_t rotate_left(std::uint64_t x, int k) {
  return (x << k) | (x >> (64 - k));
}

std::uint64_t splitmix64(std::uint64_t& state) {
  state += 0x9e3779b97f4a7c15ULL;
  std::uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

}  // namespace

std::uint64_t mix_seed(std::uint64_t seed, std::uint64_t stream) {
  std::uint64_t state = seed;
  const std::uint64_t spread = splitmix64(state);
  state = spread ^ stream;
  return splitmix64(state);
}

Rng::Rng(std::uint64_t seed) : state_{} {
  for (std::uint64_t& word : state_) word = splitmix64(seed);
}

std::uint64_t Rng::next() {
  const std::uint64_t result = rotate_left(state_[1] * 5, 7) * 9;
  const std::uint64_t t = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= t;
  state_[3] = rotate_left(state_[3], 45);
  return result;
}

double Rng::uniform() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

double Rng::uniform(double low, double high) {
  return low + (high - low) * uniform();
}

std::uint64_t Rng::below(std::uint64_t n) {
  assert(n > 0);
  // Rejects the lowest 2^64 mod n values; what is left is a whole number of rounds of n.
  const std::uint64_t rejected_below = (0 - n) % n;
  std::uint64_t x = next();
  while (x < rejected_below) x = next();
  return x % n;
}

double Rng::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_normal_;
  }
  double u = 0.0;
  double v = 0.0;
  double s = 0.0;
  do {
    u = 2.0 * uniform() - 1.0;
    v = 2.0 * uniform() - 1.0;
    s = u * u + v * v;
  } while (s >= 1.0 || s == 0.0);
  const double factor = std::sqrt(-2.0 * std::log(s) / s);
  spare_normal_ = v * factor;
  has_spare_ = true;
  return u * factor;
}

std::int64_t Rng::poisson(double mean) {
  if (!(mean > 0.0)) return 0;
  if (mean < kPoissonExactMax) {
    const double limit = std::exp(-mean);
    std::int64_t count = -1;
    double product = 1.0;
    do {
      product *= uniform();
      ++count;
    } while (product > limit);
    return count;
  }
  const double draw = mean + std::sqrt(mean) * normal();
  return draw <= 0.0 ? 0 : std::llround(draw);
}

}  // namespace market
