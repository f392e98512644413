#include "trainer/env/flip_env.h"

#include <algorithm>
#include <cassert>
#include <stdexcept>
#include <utility>

#include "market/exchange/tax.h"
#include "market/prices/rng.h"

namespace trainer {
namespace {

using market::Exchange;
using market::Fill;
using market::ItemFacts;
using market::Offer;
using market::OfferState;
using market::Refusal;
using market::Rng;
using market::Side;
using market::SimulatedMarket;

// Streams of one market seed.
enum Stream : std::uint64_t { kWatchListStream = 1, kMarketStream = 2, kFillStream = 3 };

void check(const EnvOptions& options) {
  if (options.items_per_market < 1 || options.items_per_market > 1000) {
    throw std::invalid_argument("items_per_market is " + std::to_string(options.items_per_market) +
                                "; must be 1..1000");
  }
  if (options.episode_steps < 1) {
    throw std::invalid_argument("episode_steps is " + std::to_string(options.episode_steps) +
                                "; must be at least 1");
  }
  if (options.warm_up_steps < 0) {
    throw std::invalid_argument("warm_up_steps is " + std::to_string(options.warm_up_steps) +
                                "; must be at least 0");
  }
  if (!(options.lot_share_max > 0.0 && options.lot_share_max <= 1.0)) {
    throw std::invalid_argument("lot_share_max is " + std::to_string(options.lot_share_max) +
                                "; must be above 0..1");
  }
  if (options.start_gp < 1 || options.start_gp > market::kStartGpMax) {
    throw std::invalid_argument("start_gp is " + std::to_string(options.start_gp) +
                                "; must be 1.." + std::to_string(market::kStartGpMax));
  }
}

std::vector<ItemFacts> tradeable(const std::vector<ItemFacts>& items) {
  std::vector<ItemFacts> table;
  std::copy_if(items.begin(), items.end(), std::back_inserter(table), [](const ItemFacts& item) {
    return item.high_volume_1h > 0 && item.low_volume_1h > 0;
  });
  if (table.empty()) throw std::invalid_argument("no item is both bought and sold within an hour");
  return table;
}

// `count` different items: the first of a Fisher-Yates shuffle.
std::vector<ItemFacts> drawn(std::vector<ItemFacts> table, std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(table[i], table[i + rng.below(table.size() - i)]);
  }
  table.resize(count);
  return table;
}

}  // namespace

FlipEnv::FlipEnv(const std::vector<ItemFacts>& items, EnvOptions options)
    : table_(tradeable(items)), options_(options), watched_(0) {
  check(options_);
  watched_ = std::min(options_.items_per_market, table_.size());
}

Observation FlipEnv::reset(std::uint64_t market_seed) {
  const auto watch_list = drawn(table_, watched_, market::mix_seed(market_seed, kWatchListStream));
  market_ =
      std::make_unique<SimulatedMarket>(watch_list, market::mix_seed(market_seed, kMarketStream));
  exchange_ = std::make_unique<Exchange>(watch_list, options_.start_gp,
                                         market::mix_seed(market_seed, kFillStream));
  ledger_ = std::make_unique<Ledger>(watched_);
  indicators_.assign(watched_, market::Indicators{});
  for (std::int64_t step = 0; step <= options_.warm_up_steps; ++step) {
    if (step > 0) market_->advance();
    for (std::size_t i = 0; i < watched_; ++i) indicators_[i].add(market_->quotes()[i]);
  }
  steps_taken_ = 0;
  value_before_ = total_value();
  return observe();
}

StepResult FlipEnv::step(std::size_t action) {
  assert(market_ && steps_taken_ < options_.episode_steps && action < action_count());
  StepResult result;
  result.info.refused = act(action);

  market_->advance();
  for (std::size_t i = 0; i < watched_; ++i) indicators_[i].add(market_->quotes()[i]);
  std::vector<Fill> fills;
  exchange_->match(market_->quotes(), market_->now_s(), fills);
  exchange_->collect_all();
  for (const Fill& fill : fills) result.info.step_trades.push_back(book(fill));

  ++steps_taken_;
  StepInfo& info = result.info;
  describe_account(info);
  result.reward = static_cast<double>(info.total_value - value_before_) /
                  static_cast<double>(options_.start_gp) * options_.reward_per_start_value;
  value_before_ = info.total_value;
  result.done = steps_taken_ >= options_.episode_steps;
  result.observation = observe();
  return result;
}

void FlipEnv::describe_account(StepInfo& info) const {
  info.inventory_value = items_value();
  info.cash = exchange_->gp_total();
  info.total_value = info.cash + info.inventory_value;
  info.realized_pnl = ledger_->realized();
  for (std::size_t i = 0; i < watched_; ++i) {
    if (const auto owned = exchange_->owned(i)) info.inventory[exchange_->items()[i].name] += owned;
  }
}

StepInfo FlipEnv::account() const {
  StepInfo info;
  describe_account(info);
  return info;
}

std::optional<RefusedOffer> FlipEnv::act(std::size_t action) {
  if (action == kHoldAction) return std::nullopt;
  const std::size_t item = item_of(action);
  const MenuEntry entry = menu_entry(item, total_value());
  if (type_of(action) == ActionType::kBuy) {
    const Offer* standing = open_offer(item, Side::kBuy);
    if (standing != nullptr && standing->price == entry.buy_price) return std::nullopt;
    withdraw(item, true, false);
    return place(Side::kBuy, item, entry.buy_price, entry.buy_quantity);
  }
  if (entry.sell_quantity == 0) return std::nullopt;
  const Offer* standing = open_offer(item, Side::kSell);
  if (standing != nullptr && standing->price == entry.sell_price &&
      standing->quantity - standing->filled == entry.sell_quantity) {
    return std::nullopt;
  }
  withdraw(item, true, true);
  return place(Side::kSell, item, entry.sell_price, entry.sell_quantity);
}

std::optional<RefusedOffer> FlipEnv::place(Side side, std::size_t item, std::int64_t price,
                                           std::int64_t quantity) {
  Order placed;
  const Refusal refusal = place_order(side, item, price, quantity, placed);
  if (refusal == Refusal::kNone) return std::nullopt;
  return RefusedOffer{refusal, side, exchange_->items()[item].name, price, quantity};
}

Refusal FlipEnv::place_order(Side side, std::size_t item, std::int64_t price, std::int64_t quantity,
                             Order& placed) {
  const auto placement = exchange_->place(side, item, price, quantity, market_->now_s());
  if (placement.refusal != Refusal::kNone) return placement.refusal;
  order_numbers_[placement.slot] = ++orders_placed_;
  placed = {orders_placed_, placement.slot, exchange_->offers()[placement.slot]};
  return Refusal::kNone;
}

std::vector<Order> FlipEnv::orders() const {
  std::vector<Order> open;
  for (std::size_t slot = 0; slot < market::kOfferSlots; ++slot) {
    const Offer& offer = exchange_->offers()[slot];
    if (offer.state == OfferState::kOpen) open.push_back({order_numbers_[slot], slot, offer});
  }
  return open;
}

void FlipEnv::cancel_order(const Order& order) {
  assert(order.slot < market::kOfferSlots && order_numbers_[order.slot] == order.number);
  exchange_->cancel(order.slot);
  exchange_->collect(order.slot);
}

void FlipEnv::withdraw(std::size_t item, bool buys, bool sells) {
  for (std::size_t slot = 0; slot < market::kOfferSlots; ++slot) {
    const Offer& offer = exchange_->offers()[slot];
    if (offer.state != OfferState::kOpen || offer.item != item) continue;
    if (offer.side == Side::kBuy ? !buys : !sells) continue;
    exchange_->cancel(slot);
    exchange_->collect(slot);
  }
}

const Offer* FlipEnv::open_offer(std::size_t item, Side side) const {
  for (const Offer& offer : exchange_->offers()) {
    if (offer.state == OfferState::kOpen && offer.item == item && offer.side == side) return &offer;
  }
  return nullptr;
}

Trade FlipEnv::book(const Fill& fill) {
  Trade trade;
  trade.action_type = market::to_string(fill.side);
  trade.item = exchange_->items()[fill.item].name;
  trade.price = fill.price;
  trade.quantity = fill.quantity;
  trade.total_value = fill.total();
  trade.tax = fill.tax;
  trade.order = order_numbers_[fill.slot];
  if (fill.side == Side::kBuy) {
    ledger_->bought(fill.item, fill.quantity, fill.total());
  } else {
    trade.profit = ledger_->sold(fill.item, fill.quantity, fill.total());
  }
  return trade;
}

std::int64_t FlipEnv::items_value() const {
  std::int64_t value = 0;
  for (std::size_t i = 0; i < watched_; ++i) {
    const std::int64_t each =
        market::price_after_tax(exchange_->items()[i].id, market_->quotes()[i].bid());
    value += exchange_->owned(i) * each;
  }
  return value;
}

std::int64_t FlipEnv::total_value() const {
  return exchange_->gp_total() + items_value();
}

}  // namespace trainer
