// The half of FlipEnv that turns its state into what an agent sees.
#include <algorithm>
#include <cmath>

#include "market/exchange/tax.h"
#include "trainer/env/flip_env.h"

namespace trainer {
namespace {

using market::Indicators;
using market::ItemFacts;
using market::Offer;
using market::Quote;
using market::Side;

constexpr std::int64_t kPatienceDivisor = 8;  // an eighth of the spread inside one's own edge
constexpr double kFlowShare = 0.125;          // of an item's flow, about what a patient offer gets

double as_double(std::int64_t x) {
  return static_cast<double>(x);
}

double cut(double x) {
  // A NaN passes through: it is to be seen, not hidden.
  return x > kFeatureMax ? kFeatureMax : x < -kFeatureMax ? -kFeatureMax : x;
}

double ratio(double a, double b) {
  return b > 0.0 ? a / b : 0.0;
}

// How many steps `quantity` items take at `flow` items a step, on a scale where 1 is 255 steps.
double log_steps(double quantity, double flow) {
  return std::log2(1.0 + quantity / std::max(flow * kFlowShare, 1e-3)) / 8.0;
}

}  // namespace

MenuEntry FlipEnv::menu_entry(std::size_t item, std::int64_t total_value) const {
  const ItemFacts& facts = exchange_->items()[item];
  const Quote& quote = market_->quotes()[item];
  const std::int64_t patience = (quote.ask() - quote.bid()) / kPatienceDivisor;
  MenuEntry entry;
  entry.item = facts.name;
  entry.buy_price = quote.bid() + patience;
  entry.sell_price = quote.ask() - patience;

  std::int64_t gp = exchange_->gp();
  if (const Offer* standing = open_offer(item, Side::kBuy)) {
    gp += standing->price * (standing->quantity - standing->filled);  // a new offer replaces it
  }
  const auto lot_gp = static_cast<std::int64_t>(options_.lot_share_max * as_double(total_value));
  const std::int64_t lot = std::min(lot_gp, gp) / entry.buy_price;
  entry.buy_quantity =
      std::clamp<std::int64_t>(lot, 1, facts.buy_limit.value_or(lot < 1 ? 1 : lot));
  entry.buy_quantity = std::min(entry.buy_quantity, market::kOfferQuantityMax);
  entry.sell_quantity = std::min(exchange_->owned(item), market::kOfferQuantityMax);

  const std::int64_t net = market::price_after_tax(facts.id, entry.sell_price) - entry.buy_price;
  entry.net_margin = as_double(net) / as_double(entry.buy_price);
  entry.slow_deviation = quote.mid() / indicators_[item].slow_mid() - 1.0;
  return entry;
}

Observation FlipEnv::observe() const {
  const std::int64_t value = total_value();
  Observation observation;
  observation.features.resize(kFeatureCount, static_cast<Eigen::Index>(watched_));
  observation.allowed.assign(action_count(), 1);
  observation.menu.reserve(watched_);
  for (std::size_t i = 0; i < watched_; ++i) {
    observation.menu.push_back(menu_entry(i, value));
    describe_item(i, observation.menu.back(), as_double(value), observation);
    observation.allowed[sell_action(i)] = observation.menu.back().sell_quantity > 0 ? 1 : 0;
  }
  return observation;
}

void FlipEnv::describe_item(std::size_t item, const MenuEntry& entry, double total_value,
                            Observation& observation) const {
  const ItemFacts& facts = exchange_->items()[item];
  const Quote& quote = market_->quotes()[item];
  const Indicators& past = indicators_[item];
  const double bid_after_tax = as_double(market::price_after_tax(facts.id, quote.bid()));
  const double owned = as_double(exchange_->owned(item));
  const double owned_value = owned * bid_after_tax;
  const double cost = as_double(ledger_->cost(item));
  const Offer* buy = open_offer(item, Side::kBuy);
  const Offer* sell = open_offer(item, Side::kSell);

  auto column = observation.features.col(static_cast<Eigen::Index>(item));
  column[kNetMargin] = cut(25.0 * entry.net_margin);
  column[kSlowDeviation] = cut(25.0 * entry.slow_deviation);
  column[kFastDeviation] = cut(50.0 * (quote.mid() / past.fast_mid() - 1.0));
  column[kVolatility] = cut(100.0 * past.volatility());
  column[kSpread] = cut(25.0 * as_double(quote.ask() - quote.bid()) / quote.mid());
  column[kActivity] = cut(std::log((past.fast_volume() + 1.0) / (past.slow_volume() + 1.0)));
  column[kBuyLiquidity] = cut(log_steps(as_double(entry.buy_quantity), past.sold()));
  column[kSellLiquidity] = cut(log_steps(owned, past.bought()));
  column[kOwnedShare] = cut(4.0 * ratio(owned_value, total_value));
  column[kUnrealised] = cost > 0.0 ? cut(25.0 * (owned_value / cost - 1.0)) : 0.0;
  column[kBuyOfferShare] = 0.0;
  column[kBuyOfferGap] = 0.0;
  if (buy != nullptr) {
    const double aside = as_double(buy->price * (buy->quantity - buy->filled));
    column[kBuyOfferShare] = cut(4.0 * ratio(aside, total_value));
    column[kBuyOfferGap] = cut(50.0 * (as_double(buy->price) / as_double(quote.bid()) - 1.0));
  }
  column[kSellOfferShare] = 0.0;
  column[kSellOfferGap] = 0.0;
  if (sell != nullptr) {
    column[kSellOfferShare] = cut(ratio(as_double(sell->quantity - sell->filled), owned));
    column[kSellOfferGap] = cut(50.0 * (as_double(sell->price) / as_double(quote.ask()) - 1.0));
  }
  const auto limit_left = exchange_->buy_limits().remaining(item, market_->now_s());
  column[kLimitLeft] = limit_left ? as_double(*limit_left) / as_double(*facts.buy_limit) : 1.0;
  const double lot = as_double(entry.buy_price) * as_double(entry.buy_quantity);
  column[kLotShare] = cut(4.0 * ratio(lot, total_value));
  column[kCashShare] = cut(ratio(as_double(exchange_->gp()), total_value));
  column[kFreeSlots] = as_double(static_cast<std::int64_t>(exchange_->free_slots())) /
                       static_cast<double>(market::kOfferSlots);
  column[kTimeLeft] =
      as_double(options_.episode_steps - steps_taken_) / as_double(options_.episode_steps);
}

}  // namespace trainer
