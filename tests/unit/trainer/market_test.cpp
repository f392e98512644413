#include "market/prices/simulated_market.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

#include "market/exchange/tax.h"
#include "market/prices/indicators.h"

using market::Indicators;
using market::ItemFacts;
using market::OrnsteinUhlenbeck;
using market::Quote;
using market::Rng;
using market::SimulatedMarket;

TEST_CASE("market: the same seed gives the same course, another seed another") {
  SimulatedMarket a(market::builtin_items(), 11);
  SimulatedMarket b(market::builtin_items(), 11);
  SimulatedMarket c(market::builtin_items(), 12);
  bool differs = false;
  for (int step = 0; step < 200; ++step) {
    for (std::size_t i = 0; i < a.items().size(); ++i) {
      CHECK(a.quotes()[i].high == b.quotes()[i].high);
      CHECK(a.quotes()[i].low == b.quotes()[i].low);
      CHECK(a.quotes()[i].bought == b.quotes()[i].bought);
      CHECK(a.quotes()[i].sold == b.quotes()[i].sold);
      differs = differs || a.quotes()[i].high != c.quotes()[i].high;
    }
    CHECK(a.now_s() == step * market::kStep_s);
    a.advance();
    b.advance();
    c.advance();
  }
  CHECK(differs);
}

TEST_CASE("market: prices stay within 1..2147483647 at both ends") {
  const std::vector<ItemFacts> items = {
      {1, "cheapest", std::nullopt, 1, 1, 10, 10},
      {2, "dearest", 1, market::kPriceMax, market::kPriceMax, 1, 0},
      {3, "crossed", 5, 500'000'000, market::kPriceMax, 0, 0}};
  SimulatedMarket market(items, 5);
  for (int step = 0; step < 2000; ++step) {
    for (const Quote& quote : market.quotes()) {
      REQUIRE(quote.bid() >= 1);
      REQUIRE(quote.ask() <= market::kPriceMax);
      REQUIRE(quote.bought >= 0);
      REQUIRE(quote.sold >= 0);
    }
    CHECK(market.quotes()[2].bought == 0);  // an item that nobody trades
    market.advance();
  }
}

TEST_CASE("market: the low price comes to lie above the high one now and then") {
  SimulatedMarket market(market::builtin_items(), 6);
  int crossed = 0;
  int quotes = 0;
  for (int step = 0; step < 500; ++step) {
    for (const Quote& quote : market.quotes()) {
      crossed += quote.low > quote.high ? 1 : 0;
      ++quotes;
    }
    market.advance();
  }
  CHECK(crossed > 0);
  CHECK(crossed < quotes / 5);
}

TEST_CASE("market: volumes average to the hourly volumes that the facts give") {
  const ItemFacts shark{385, "Shark", 10000, 693, 675, 150'477, 62'879};
  double bought = 0.0;
  double sold = 0.0;
  constexpr int kSeeds = 20;
  constexpr int kSteps = 288;  // whole days, so that the season cancels out
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    SimulatedMarket market({shark}, seed);
    for (int step = 0; step < kSteps; ++step) {
      bought += static_cast<double>(market.quotes()[0].bought);
      sold += static_cast<double>(market.quotes()[0].sold);
      market.advance();
    }
  }
  constexpr double kHours = kSeeds * kSteps / 12.0;
  CHECK(bought / kHours == doctest::Approx(150'477).epsilon(0.1));
  CHECK(sold / kHours == doctest::Approx(62'879).epsilon(0.1));
}

TEST_CASE("ornstein-uhlenbeck: stationary deviation and half-life are what they are called") {
  Rng rng(8);
  constexpr double kHalfLife_s = 3600.0;
  constexpr double kDeviation = 0.02;
  OrnsteinUhlenbeck process(kHalfLife_s, kDeviation, rng);
  constexpr int kLag = 12;  // one half-life
  std::vector<double> path;
  for (int step = 0; step < 200'000; ++step) {
    path.push_back(process.value());
    process.step(rng);
  }
  double variance = 0.0;
  double lagged = 0.0;
  for (std::size_t i = kLag; i < path.size(); ++i) {
    variance += path[i] * path[i];
    lagged += path[i] * path[i - kLag];
  }
  CHECK(lagged / variance == doctest::Approx(0.5).epsilon(0.05));
  CHECK(std::sqrt(variance / static_cast<double>(path.size())) ==
        doctest::Approx(kDeviation).epsilon(0.05));
}

TEST_CASE("indicators: the first quote is the mean, later ones pull it along") {
  Indicators indicators;
  indicators.add({110, 90, 30, 10});
  CHECK(indicators.fast_mid() == doctest::Approx(100.0));
  CHECK(indicators.slow_mid() == doctest::Approx(100.0));
  CHECK(indicators.fast_volume() == doctest::Approx(40.0));
  CHECK(indicators.sold() == doctest::Approx(10.0));
  CHECK(indicators.bought() == doctest::Approx(30.0));
  CHECK(indicators.volatility() == 0.0);
  indicators.add({220, 180, 0, 0});
  CHECK(indicators.volatility() == doctest::Approx(1.0));
  CHECK(indicators.fast_mid() > 100.0);
  CHECK(indicators.fast_mid() < 200.0);
  for (int i = 0; i < 2000; ++i) indicators.add({220, 180, 0, 0});
  CHECK(indicators.slow_mid() == doctest::Approx(200.0));
  CHECK(indicators.volatility() == doctest::Approx(0.0));
}
