#include "ppo-bot/strategy.h"

#include <algorithm>

namespace bot {
namespace {

// How far the clocks of a source and of this program may be apart, for telling a fill of an order
// from one before it.
constexpr milliseconds kClockSlack{1'000};

// The Grand Exchange has some 4,000 items; who publishes prices may make up any number of them.
constexpr std::size_t kItemsMax = 10'000;
constexpr std::size_t kItemNameBytesMax = 256;

// As far as it can be read.
bool may_be_of(const Fill& fill, const Order& order) {
  if (!fill.item.empty() && folded(fill.item) != folded(order.item)) return false;
  if (fill.side && *fill.side != order.side) return false;
  if (!fill.source.empty() && !order.source.empty() && fill.source != order.source) return false;
  if (!fill.order_id.empty() && !order.id.empty()) return same(fill.order_id, order.id);
  if (fill.at != Moment::max() && fill.at + kClockSlack < order.placed_at) return false;
  if (!fill.price) return true;
  return order.side == Side::kBuy ? *fill.price <= order.price : *fill.price >= order.price;
}

}  // namespace

void Strategy::on_price(const Price& price) {
  if (!limits_.items.empty() && limits_.items.count(price.item) == 0) return;
  const bool room = items_.size() < kItemsMax && price.item.size() <= kItemNameBytesMax;
  if (!room && items_.count(price.item) == 0) return;
  Item& item = items_[price.item];
  if (!item.price || price.at >= item.price->at) item.price = price;
}

void Strategy::forget_prices() {
  for (auto& [name, item] : items_) item.price.reset();
}

std::optional<Strategy::Booked> Strategy::on_fill(const Fill& fill) {
  const auto found = std::find_if(orders_.begin(), orders_.end(),
                                  [&](const auto& o) { return may_be_of(fill, o.second); });
  if (found == orders_.end()) return std::nullopt;
  Order& order = found->second;
  Booked booked;
  booked.quantity = std::min(*fill.quantity, order.left());
  booked.price = *fill.price;
  booked.profit = book(items_[order.item], order, *fill.price, booked.quantity);
  order.filled += booked.quantity;
  booked.order = order;
  if (order.left() == 0) orders_.erase(found);
  return booked;
}

std::vector<std::string> Strategy::freeze_orders_of(const Fill& fill) {
  std::vector<std::string> names;
  for (const auto& [number, order] : orders_) {
    Item& item = items_[order.item];
    if (item.frozen || !may_be_of(fill, order)) continue;
    item.frozen = true;
    names.push_back(order.item);
  }
  return names;
}

std::int64_t Strategy::book(Item& item, const Order& order, std::int64_t price,
                            std::int64_t quantity) {
  if (order.side == Side::kBuy) {
    item.held += quantity;
    item.cost += quantity * price;
    return 0;
  }
  // The account may have sold more than we know to hold; that part has cost us nothing.
  const std::int64_t ours = std::min(quantity, item.held);
  const std::int64_t cost =
      ours == item.held ? item.cost
                        : item.cost / item.held * ours + item.cost % item.held * ours / item.held;
  const bool known = item.price && item.price->sell == price;
  const std::int64_t net = known ? item.price->sell_after_tax : price_after_tax(price);
  const std::int64_t profit = ours * net - cost;
  item.held -= ours;
  item.cost -= cost;
  profit_ += profit;
  return profit;
}

void Strategy::on_account_reset(Moment at) {
  for (auto it = orders_.begin(); it != orders_.end();) {
    Order& order = it->second;
    // What had a fill before this was of the account that is gone.
    if (order.state == Order::State::kOpen && order.filled == 0 && order.placed_at + kClockSlack >= at) {
      order.state = Order::State::kUnknown;
      order.until = {};
    }
    // One whose fate is unknown may reach the new account.
    it = order.state == Order::State::kUnknown ? std::next(it) : orders_.erase(it);
  }
  items_.clear();
  for (const auto& [number, order] : orders_) items_[order.item];
}

void Strategy::on_holding(const std::string& name, std::int64_t quantity) {
  const auto found = items_.find(name);
  if (found == items_.end() || found->second.held <= quantity) return;
  Item& item = found->second;
  item.cost = item.cost / item.held * quantity;
  item.held = quantity;
}

bool Strategy::on_account_checked(std::uint64_t number, std::optional<std::int64_t> quantity) {
  const auto found = orders_.find(number);
  if (found == orders_.end()) return true;
  Order& order = found->second;
  Item& item = items_[order.item];
  if (!quantity) {
    item.frozen = true;
    return false;
  }
  const std::int64_t moved =
      order.side == Side::kBuy ? *quantity - item.held : item.held - *quantity;
  book(item, order, order.price, std::clamp<std::int64_t>(moved, 0, order.left()));
  orders_.erase(found);
  return true;
}

std::optional<Action> Strategy::next(Moment now) {
  if (auto check = next_check(now)) return check;
  if (auto cancel = next_cancel(now)) return cancel;
  if (orders_.size() >= limits_.orders_max) return std::nullopt;
  if (auto sale = next_sale(now)) return sale;
  return next_purchase(now);
}

// Lets go of orders that have ended; a doubtful one is asked for.
std::optional<Action> Strategy::next_check(Moment now) {
  for (auto it = orders_.begin(); it != orders_.end();) {
    const Order& order = it->second;
    const bool over = order.state == Order::State::kSettling && now >= order.until;
    if (!over || items_[order.item].frozen) {
      ++it;
    } else if (order.doubtful) {
      return Action{Action::Kind::kCheck, order.item, order.price, order.left(), order.number};
    } else {
      it = orders_.erase(it);
    }
  }
  return std::nullopt;
}

std::optional<Action> Strategy::next_cancel(Moment now) const {
  for (const auto& [number, order] : orders_) {
    if (order.state == Order::State::kSettling || now < order.until) continue;
    const Item& item = items_.at(order.item);
    const Price* const price = fresh_price(item, now);
    const bool old = now - order.placed_at >= limits_.order_age_max;
    const bool pointless =
        price != nullptr && order.side == Side::kBuy && !survives_tax(order.price, *price);
    if (order.state == Order::State::kUnknown || old || pointless || item.frozen) {
      return Action{Action::Kind::kCancel, order.item, order.price, order.left(), number};
    }
  }
  return std::nullopt;
}

std::optional<Action> Strategy::next_sale(Moment now) const {
  for (const auto& [name, item] : items_) {
    const Price* const price = fresh_price(item, now);
    if (price == nullptr || item.held == 0 || item.frozen || now < item.paused_until) continue;
    if (now < item.next_sell || order_of(name, Side::kSell) != nullptr) continue;
    if (price->sell_after_tax * item.held <= item.cost) continue;
    return Action{Action::Kind::kSell, name, price->sell, item.held, 0};
  }
  return std::nullopt;
}

std::optional<Action> Strategy::next_purchase(Moment now) const {
  std::optional<Action> best;
  std::int64_t best_profit = 0;
  const std::int64_t room_gp = limits_.exposure_max - exposure();
  for (const auto& [name, item] : items_) {
    const Price* const price = fresh_price(item, now);
    if (price == nullptr || item.frozen || now < item.paused_until) continue;
    if (now < item.next_buy || order_of(name, Side::kBuy) != nullptr) continue;
    if (!survives_tax(price->buy, *price)) continue;
    const std::int64_t quantity =
        std::min({limits_.lot, limits_.position_max - item.held, room_gp / price->buy});
    if (quantity <= 0) continue;
    const std::int64_t profit = quantity * (price->sell_after_tax - price->buy);
    if (profit <= best_profit) continue;
    best_profit = profit;
    best = Action{Action::Kind::kBuy, name, price->buy, quantity, 0};
  }
  return best;
}

std::uint64_t Strategy::begin(const Action& action, Moment now) {
  Order order;
  order.number = ++last_order_;
  order.side = action.kind == Action::Kind::kBuy ? Side::kBuy : Side::kSell;
  order.item = action.item;
  order.price = action.price;
  order.quantity = action.quantity;
  order.placed_at = now;
  Item& item = items_[action.item];
  (order.side == Side::kBuy ? item.next_buy : item.next_sell) = now + limits_.order_interval;
  orders_.emplace(order.number, order);
  return order.number;
}

void Strategy::on_placed(std::uint64_t number, Outcome outcome, const std::string& id,
                         const std::string& source, Moment now) {
  const auto found = orders_.find(number);
  if (found == orders_.end()) return;
  Order& order = found->second;
  if (outcome == Outcome::kRefused) {
    items_[order.item].paused_until = now + limits_.pause;
    orders_.erase(found);
    return;
  }
  order.id = id;
  order.source = source;
  if (outcome == Outcome::kDone) order.state = Order::State::kOpen;
  if (outcome == Outcome::kUnknown) order.until = now + limits_.pause;
}

void Strategy::on_found(std::uint64_t number, const std::string& id) {
  const auto found = orders_.find(number);
  if (found != orders_.end()) found->second.id = id;
}

void Strategy::on_cancelled(std::uint64_t number, Outcome outcome, Moment now,
                            std::optional<std::int64_t> filled) {
  const auto found = orders_.find(number);
  if (found == orders_.end()) return;
  Order& order = found->second;
  order.until = now + (outcome == Outcome::kUnknown ? limits_.pause : limits_.settle);
  if (outcome == Outcome::kUnknown) return;
  order.state = Order::State::kSettling;
  order.doubtful = outcome == Outcome::kRefused || filled.value_or(0) > order.filled;
}

std::int64_t Strategy::held(const std::string& name) const {
  const auto found = items_.find(name);
  return found == items_.end() ? 0 : found->second.held;
}

std::vector<std::string> Strategy::items_held() const {
  std::vector<std::string> names;
  for (const auto& [name, item] : items_) {
    if (item.held > 0) names.push_back(name);
  }
  return names;
}

std::int64_t Strategy::exposure() const {
  std::int64_t gp = 0;
  for (const auto& [name, item] : items_) gp += item.cost;
  for (const auto& [number, order] : orders_) {
    if (order.side == Side::kBuy) gp += order.left() * order.price;
  }
  return gp;
}

const Price* Strategy::fresh_price(const Item& item, Moment now) const {
  if (!item.price || now - item.price->at > limits_.price_age_max) return nullptr;
  return &*item.price;
}

bool Strategy::survives_tax(std::int64_t buy, const Price& price) const {
  const std::int64_t margin = price.sell_after_tax - buy;
  return margin >= limits_.margin_min && static_cast<double>(margin) * 100.0 >=
                                             static_cast<double>(buy) * limits_.margin_percent_min;
}

const Order* Strategy::order_of(const std::string& item, Side side) const {
  for (const auto& [number, order] : orders_) {
    if (order.item == item && order.side == side) return &order;
  }
  return nullptr;
}

}  // namespace bot
