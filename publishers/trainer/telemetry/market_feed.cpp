#include "trainer/telemetry/market_feed.h"

#include <cmath>
#include <string>

#include <ppo_publisher/events.h>

#include "market/exchange/tax.h"

namespace trainer {
namespace {

using market::Indicators;
using market::Quote;

constexpr std::int64_t kPriceEvery_s = 15 * 60;
constexpr std::int64_t kMarginEvery_s = 60 * 60;
constexpr std::int64_t kAnalysisEvery_s = 4 * 60 * 60;
constexpr double kPriceChangeMin = 0.001;
constexpr double kTrendMin = 0.15;  // of the mean volume, to be called a trend

const char* trend(double recent, double average) {
  if (recent > average * (1.0 + kTrendMin)) return "increasing";
  if (recent < average * (1.0 - kTrendMin)) return "decreasing";
  return "stable";
}

}  // namespace

MarketFeed::MarketFeed(ppo::Publisher& publisher, DetailBudget& budget)
    : publisher_(publisher), budget_(budget) {}

bool MarketFeed::may_publish() {
  return budget_.try_take(DetailBudget::Clock::now());
}

void MarketFeed::moved(const FlipEnv& env) {
  const std::int64_t now_s = env.market().now_s();
  const auto count = static_cast<std::int64_t>(env.item_count());
  items_.resize(env.item_count());
  for (std::size_t i = 0; i < items_.size(); ++i) {
    ItemState& state = items_[i];
    if (!state.seen) {
      // What is seen first is what changes are measured against. Margins and analyses are spread
      // over their first hour, so that they do not come all at once.
      const std::int64_t delay_s = static_cast<std::int64_t>(i) * kMarginEvery_s / count;
      state = {true, std::llround(env.market().quotes()[i].mid()), now_s, now_s + delay_s,
               now_s + delay_s};
    }
    publish_price(env, i, state);
    publish_margin(env, i, state);
    publish_analysis(env, i, state);
  }
}

void MarketFeed::publish_price(const FlipEnv& env, std::size_t item, ItemState& state) {
  const Quote& quote = env.market().quotes()[item];
  const std::int64_t now_s = env.market().now_s();
  const std::int64_t price = std::llround(quote.mid());
  const double change = static_cast<double>(price - state.price) / static_cast<double>(state.price);
  if (now_s - state.price_at_s < kPriceEvery_s || std::abs(change) < kPriceChangeMin) return;
  if (!may_publish()) return;
  ppo::PriceUpdate event;
  event.item = env.exchange().items()[item].name;
  event.price = price;
  event.change = price - state.price;
  event.change_percent = change;
  event.volume = quote.bought + quote.sold;
  publisher_.publish(event);
  state.price = price;
  state.price_at_s = now_s;
}

void MarketFeed::publish_margin(const FlipEnv& env, std::size_t item, ItemState& state) {
  const std::int64_t now_s = env.market().now_s();
  if (now_s < state.margin_due_s || !may_publish()) return;
  const Quote& quote = env.market().quotes()[item];
  ppo::MarginUpdate event;
  event.item = env.exchange().items()[item].name;
  event.buy_price = quote.bid();
  event.sell_price = quote.ask();
  event.margin = quote.ask() - quote.bid();
  event.margin_percent = static_cast<double>(event.margin) / static_cast<double>(event.buy_price);
  event.margin_after_tax =
      market::price_after_tax(env.exchange().items()[item].id, event.sell_price) - event.buy_price;
  publisher_.publish(event);
  state.margin_due_s = now_s + kMarginEvery_s;
}

void MarketFeed::publish_analysis(const FlipEnv& env, std::size_t item, ItemState& state) {
  const std::int64_t now_s = env.market().now_s();
  if (now_s < state.analysis_due_s || !may_publish()) return;
  const Indicators& past = env.indicators()[item];
  ppo::MarketAnalysis event;
  event.item = env.exchange().items()[item].name;
  event.analysis_type = "volume_trend";
  event.data = ppo::Object{{"recent_volume", std::llround(past.fast_volume())},
                           {"average_volume", std::llround(past.slow_volume())},
                           {"trend", trend(past.fast_volume(), past.slow_volume())},
                           {"volatility", past.volatility()}}
                   .json();
  publisher_.publish(event);
  state.analysis_due_s = now_s + kAnalysisEvery_s;
}

}  // namespace trainer
