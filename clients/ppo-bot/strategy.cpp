#include "ppo-bot/strategy.h"

#include <algorithm>

#include "ppo-bot/tax.h"

namespace bot {
namespace {

// How far the clocks of a source and of this program may be apart, for telling a fill of an order
// from one before it.
constexpr milliseconds kClockSlack{1'000};

bool can_fill(const Order& order, const Fill& fill) {
  if (order.item != fill.item || order.side != fill.side) return false;
  if (!fill.order_id.empty() && !order.id.empty()) {
    return fill.order_id == order.id && (fill.source == order.source || order.source.empty());
  }
  if (!fill.source.empty() && !order.source.empty() && fill.source != order.source) return false;
  if (fill.at + kClockSlack < order.placed_at) return false;
  return order.side == Side::kBuy ? fill.price <= order.price : fill.price >= order.price;
}

}  // namespace

void Strategy::on_price(const Price& price) {
  if (!limits_.items.empty() && limits_.items.count(price.item) == 0) return;
  Item& item = items_[price.item];
  if (!item.price || price.seq > item.price->seq) item.price = price;
}

void Strategy::forget_prices() {
  for (auto& [name, item] : items_) item.price.reset();
}

std::optional<Strategy::Booked> Strategy::on_fill(const Fill& fill) {
  const auto found = std::find_if(orders_.begin(), orders_.end(),
                                  [&](const auto& o) { return can_fill(o.second, fill); });
  if (found == orders_.end()) return std::nullopt;
  Order& order = found->second;
  Booked booked;
  booked.quantity = std::min(fill.quantity, order.left());
  booked.price = fill.price;
  booked.profit = book(items_[order.item], order, fill.price, booked.quantity);
  order.filled += booked.quantity;
  booked.order = order;
  if (order.left() == 0) orders_.erase(found);
  return booked;
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
  const std::int64_t profit = ours * price_after_tax(order.item, price) - cost;
  item.held -= ours;
  item.cost -= cost;
  profit_ += profit;
  return profit;
}

void Strategy::on_account_reset() {
  for (auto it = orders_.begin(); it != orders_.end();) {
    // One whose fate is unknown may reach the new account.
    it = it->second.state == Order::State::kUnknown ? std::next(it) : orders_.erase(it);
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

std::size_t Strategy::on_fills_lost() {
  std::set<std::string> frozen;
  for (const auto& [number, order] : orders_) frozen.insert(order.item);
  for (const std::string& item : frozen) items_[item].frozen = true;
  return frozen.size();
}

std::optional<Action> Strategy::next(Moment now) {
  for (auto it = orders_.begin(); it != orders_.end();) {
    const Order& order = it->second;
    const bool over = order.state == Order::State::kSettling && now >= order.until;
    it = over && !items_[order.item].frozen ? orders_.erase(it) : std::next(it);
  }
  if (auto cancel = next_cancel(now)) return cancel;
  if (orders_.size() >= limits_.orders_max) return std::nullopt;
  if (auto sale = next_sale(now)) return sale;
  return next_purchase(now);
}

std::optional<Action> Strategy::next_cancel(Moment now) const {
  for (const auto& [number, order] : orders_) {
    if (order.state == Order::State::kSettling || now < order.until) continue;
    const Item& item = items_.at(order.item);
    const Price* const price = fresh_price(item, now);
    const bool old = now - order.placed_at >= limits_.order_age_max;
    const bool pointless = price != nullptr && order.side == Side::kBuy &&
                           !survives_tax(order.item, order.price, price->sell);
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
    if (price_after_tax(name, price->sell) * item.held <= item.cost) continue;
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
    if (!survives_tax(name, price->buy, price->sell)) continue;
    const std::int64_t quantity =
        std::min({limits_.lot, limits_.position_max - item.held, room_gp / price->buy});
    if (quantity <= 0) continue;
    const std::int64_t profit = quantity * margin_after_tax(name, price->buy, price->sell);
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

void Strategy::on_cancelled(std::uint64_t number, Outcome outcome, Moment now) {
  const auto found = orders_.find(number);
  if (found == orders_.end()) return;
  Order& order = found->second;
  if (outcome == Outcome::kDone) {
    order.state = Order::State::kSettling;
    order.until = now + limits_.settle;
  } else {
    order.until = now + limits_.pause;
  }
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

std::int64_t Strategy::margin_after_tax(const std::string& item, std::int64_t buy,
                                        std::int64_t sell) {
  return price_after_tax(item, sell) - buy;
}

const Price* Strategy::fresh_price(const Item& item, Moment now) const {
  if (!item.price || now - item.price->at > limits_.price_age_max) return nullptr;
  return &*item.price;
}

bool Strategy::survives_tax(const std::string& item, std::int64_t buy, std::int64_t sell) const {
  const std::int64_t margin = margin_after_tax(item, buy, sell);
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
