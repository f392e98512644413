#include "market/prices/simulated_market.h"

#include <cassert>
#include <cmath>
#include <utility>

namespace market {
namespace {

constexpr double kDay_s = 24.0 * 3600.0;
constexpr double kSeasonSwing = 0.35;  // volume at the busiest hour: 1.35 of the mean
constexpr double kTwoPi = 6.283185307179586;

}  // namespace

SimulatedMarket::SimulatedMarket(std::vector<ItemFacts> items, std::uint64_t seed)
    : items_(std::move(items)), rng_(seed), day_phase_(rng_.uniform()) {
  assert(!items_.empty());
  processes_.reserve(items_.size());
  quotes_.resize(items_.size());
  for (const ItemFacts& item : items_) processes_.emplace_back(item, rng_);
  advance();
  now_s_ = 0;  // the opening quotes are those of second 0
}

void SimulatedMarket::advance() {
  now_s_ += kStep_s;
  const double day = static_cast<double>(now_s_) / kDay_s + day_phase_;
  const double season = 1.0 + kSeasonSwing * std::sin(kTwoPi * day);
  for (std::size_t i = 0; i < processes_.size(); ++i) quotes_[i] = processes_[i].step(season, rng_);
}

}  // namespace market
