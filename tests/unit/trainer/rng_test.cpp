#include "market/prices/rng.h"

#include <array>
#include <cmath>
#include <cstdint>

#include <doctest/doctest.h>

using market::mix_seed;
using market::Rng;

TEST_CASE("rng: the same seed repeats, other seeds and streams do not") {
  Rng a(1);
  Rng b(1);
  Rng c(2);
  bool differs = false;
  for (int i = 0; i < 100; ++i) {
    const double x = a.uniform();
    CHECK(x == b.uniform());
    differs = differs || x != c.uniform();
  }
  CHECK(differs);
  CHECK(mix_seed(1, 1) != mix_seed(1, 2));
  CHECK(mix_seed(1, 1) != mix_seed(2, 1));
  CHECK(mix_seed(1, 2) != mix_seed(2, 1));
}

TEST_CASE("rng: below() is in range and even") {
  Rng rng(3);
  std::array<int, 7> counts{};
  for (int i = 0; i < 70'000; ++i) ++counts.at(rng.below(7));
  for (const int count : counts) CHECK(std::abs(count - 10'000) < 500);
}

TEST_CASE("rng: normal has mean 0, deviation 1 and the tails of a normal") {
  Rng rng(4);
  constexpr int kDraws = 200'000;
  double sum = 0.0;
  double squares = 0.0;
  int beyond_two = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double x = rng.normal();
    sum += x;
    squares += x * x;
    beyond_two += std::abs(x) > 2.0 ? 1 : 0;
  }
  CHECK(std::abs(sum / kDraws) < 0.01);
  CHECK(std::abs(squares / kDraws - 1.0) < 0.02);
  CHECK(std::abs(beyond_two / static_cast<double>(kDraws) - 0.0455) < 0.003);
}

TEST_CASE("rng: poisson has its mean and variance, small and large") {
  Rng rng(5);
  CHECK(rng.poisson(0.0) == 0);
  CHECK(rng.poisson(-1.0) == 0);
  for (const double mean : {0.06, 3.0, 29.0, 31.0, 50'000.0}) {
    CAPTURE(mean);
    constexpr int kDraws = 50'000;
    double sum = 0.0;
    double squares = 0.0;
    bool negative = false;
    for (int i = 0; i < kDraws; ++i) {
      const auto x = static_cast<double>(rng.poisson(mean));
      negative = negative || x < 0.0;
      sum += x;
      squares += (x - mean) * (x - mean);
    }
    CHECK_FALSE(negative);
    CHECK(std::abs(sum / kDraws / mean - 1.0) < 0.06);
    CHECK(std::abs(squares / kDraws / mean - 1.0) < 0.08);
  }
}
