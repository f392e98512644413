// When to buy and when to sell: the whole judgement of the bot. No sockets, and no clock: the
// moment is an argument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "feed/message.h"
#include "ppo-bot/events.h"

namespace bot {

// Units are gp and items. What is out of range the command line refuses.
struct Limits {
  std::int64_t position_max = 100;         // items of a kind, held or on order
  std::int64_t exposure_max = 10'000'000;  // gp in items held and in buy orders, over all kinds
  std::int64_t lot = 10;                   // items of a buy order, at most
  std::int64_t margin_min = 1;             // gp an item, after tax
  double margin_percent_min = 0.5;         // the same, of the buying price
  std::size_t orders_max = 4;              // of the eight slots of an account
  milliseconds price_age_max{5'000};       // older prices are never acted on
  milliseconds order_age_max{60'000};      // then an order is taken back
  // After a cancelled order's end its last fills may still be under way; until then it counts as
  // if it stood.
  milliseconds settle{2'000};
  milliseconds order_interval{1'000};  // between two orders for an item and side, at least
  milliseconds pause{5'000};           // before trying again what was refused or not answered
  std::set<std::string> items;         // only these; empty: all
};

// What is to be done next.
struct Action {
  enum class Kind {
    kBuy,
    kSell,
    kCancel,
    kCheck,  // ask what the account holds, for on_account_checked()
  };
  Kind kind = Kind::kBuy;
  std::string item;
  std::int64_t price = 0;
  std::int64_t quantity = 0;
  std::uint64_t order = 0;  // kCancel, kCheck: which one

  bool operator==(const Action& other) const {
    return kind == other.kind && item == other.item && price == other.price &&
           quantity == other.quantity && order == other.order;
  }
  bool operator!=(const Action& other) const { return !(*this == other); }
};

// What became of a command.
using Outcome = feed::Answer::Kind;

struct Order {
  enum class State {
    kUnknown,   // sent; whether it stands is not known
    kOpen,      // it stands
    kSettling,  // it ended; late fills may come until `until`
  };
  std::uint64_t number = 0;  // ours
  std::string id;            // the trainer's, JSON text; may be empty
  std::string source;        // the trainer; empty while unknown
  Side side = Side::kBuy;
  std::string item;
  std::int64_t price = 0;
  std::int64_t quantity = 0;
  std::int64_t filled = 0;
  State state = State::kUnknown;
  bool doubtful = false;  // kSettling: what it brought is not known for certain
  Moment placed_at{};
  Moment until{};  // kSettling: its end; else: no attempt to cancel before

  std::int64_t left() const { return quantity - filled; }
};

// Buys at an item's buying price what can be sold at its selling price for more, tax paid, and
// sells it there. At most one order an item and side exists at any time, an order whose fate is
// unknown included, and everything that may have been bought counts against the limits. An item of
// which a fill could not be read, or may be lost, is frozen: its orders are taken back and count
// until the account starts over, and nothing more is done with it.
//
// The owner calls next(), asks for what it says, begin()s it BEFORE the command leaves, and reports
// the outcome; prices and fills go in as they come. A value of one thread.
class Strategy {
 public:
  explicit Strategy(Limits limits) : limits_(std::move(limits)) {}

  // One that happened before what is known changes nothing.
  void on_price(const Price& price);
  // No price counts any more, such as when the bridge begins to number anew.
  void forget_prices();

  // A trade of the account that the orders go to, each once. The part of it that an order of ours
  // explains, or nothing: the account has other traders. A fill without order id is taken for ours
  // where item, side, price and time fit.
  struct Booked {
    Order order;  // with this fill in it
    std::int64_t quantity = 0;
    std::int64_t price = 0;
    std::int64_t profit = 0;  // of a sale, after tax
  };
  // REQUIRES: fill.readable()
  std::optional<Booked> on_fill(const Fill& fill);
  // One that cannot be read, or, by a Fill with nothing in it, any that may be lost: freezes the
  // items of the orders that it may be of. Returns those that were not frozen.
  std::vector<std::string> freeze_orders_of(const Fill& fill);

  // The account started over, at this moment: items are gone, and orders but for those whose fate is unknown. One
  // that was placed about then may be of the new account: it is taken back.
  void on_account_reset(Moment at = Moment::max());
  // The account holds no more of an item than this.
  void on_holding(const std::string& item, std::int64_t quantity);
  // The next thing to do, if any: cancels first, then sales, then the most profitable purchase.
  std::optional<Action> next(Moment now);

  // REQUIRES: next() gave `action`, a purchase or sale. The number of the new order.
  std::uint64_t begin(const Action& action, Moment now);
  // `id` and `source` are the trainer's, where the reply named them.
  void on_placed(std::uint64_t order, Outcome outcome, const std::string& id,
                 const std::string& source, Moment now);
  // The trainer's name for an order whose answer never came.
  void on_found(std::uint64_t order, const std::string& id);
  // kRefused: there is no such order, so it has ended by itself. `filled`: of it, where the trainer
  // says that.
  void on_cancelled(std::uint64_t order, Outcome outcome, Moment now,
                    std::optional<std::int64_t> filled = std::nullopt);
  // What the account holds of the item of an order that was to be checked: as much of the order
  // counts as filled as explains it. Where that is not known the item is frozen: false.
  bool on_account_checked(std::uint64_t order, std::optional<std::int64_t> quantity);

  const std::map<std::uint64_t, Order>& orders() const { return orders_; }
  std::int64_t held(const std::string& item) const;
  std::vector<std::string> items_held() const;
  // gp paid for what is held, and that buy orders may still cost.
  std::int64_t exposure() const;
  std::int64_t profit() const { return profit_; }

 private:
  struct Item {
    std::optional<Price> price;
    std::int64_t held = 0;
    std::int64_t cost = 0;  // gp, of all that is held
    Moment paused_until{};
    Moment next_buy{};  // no order before
    Moment next_sell{};
    bool frozen = false;
  };

  const Price* fresh_price(const Item& item, Moment now) const;
  bool survives_tax(std::int64_t buy, const Price& price) const;
  const Order* order_of(const std::string& item, Side side) const;
  std::optional<Action> next_cancel(Moment now) const;
  std::optional<Action> next_sale(Moment now) const;
  std::optional<Action> next_purchase(Moment now) const;
  std::optional<Action> next_check(Moment now);
  std::int64_t book(Item& item, const Order& order, std::int64_t price, std::int64_t quantity);

  const Limits limits_;
  std::map<std::string, Item> items_;
  std::map<std::uint64_t, Order> orders_;  // by number
  std::uint64_t last_order_ = 0;
  std::int64_t profit_ = 0;
};

}  // namespace bot
