#include "ppo-bot/strategy.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using namespace bot;

namespace {

const Moment kStart{milliseconds(1'700'000'000'000)};

Moment at(int ms) {
  return kStart + milliseconds(ms);
}

Limits limits() {
  Limits limits;
  limits.position_max = 20;
  limits.exposure_max = 10'000;
  limits.lot = 10;
  limits.order_interval = milliseconds(0);
  return limits;
}

Price price_of(const std::string& item, std::int64_t buy, std::int64_t sell, Moment when = kStart) {
  return {item, buy, sell, price_after_tax(sell), when};
}

Fill fill(Side side, const std::string& item, std::int64_t gp, std::int64_t quantity,
          Moment when = kStart) {
  return {side, item, gp, quantity, "", "t", when};
}

bool is_buy(const std::optional<Action>& action, std::int64_t quantity, std::int64_t gp) {
  return action && action->kind == Action::Kind::kBuy && action->quantity == quantity &&
         action->price == gp;
}

bool is_sale(const std::optional<Action>& action, std::int64_t quantity, std::int64_t gp) {
  return action && action->kind == Action::Kind::kSell && action->quantity == quantity &&
         action->price == gp;
}

bool is_cancel(const std::optional<Action>& action) {
  return action && action->kind == Action::Kind::kCancel;
}

// Places what the strategy wants, as a trainer that takes it.
std::uint64_t place(Strategy& strategy, Moment now = kStart, const std::string& id = "") {
  const auto action = strategy.next(now);
  REQUIRE(action);
  const std::uint64_t number = strategy.begin(*action, now);
  strategy.on_placed(number, Outcome::kDone, id, "t", now);
  return number;
}

// An order for ten Coal at 100.
Strategy with_coal_on_order() {
  Strategy strategy(limits());
  strategy.on_price(price_of("Coal", 100, 110));
  place(strategy);
  return strategy;
}

// Holds ten Coal, bought at 100.
Strategy with_ten_coal() {
  Strategy strategy = with_coal_on_order();
  strategy.on_fill(fill(Side::kBuy, "Coal", 100, 10));
  return strategy;
}

}  // namespace

TEST_CASE("strategy: a margin that the tax eats is none") {
  Strategy strategy(limits());
  strategy.on_price(price_of("Coal", 1000, 1020));  // 20 gp of tax
  CHECK_FALSE(strategy.next(kStart));
  strategy.on_price(price_of("Coal", 1000, 1021));  // 1 gp remains: too little of 1,000
  CHECK_FALSE(strategy.next(kStart));
  strategy.on_price(price_of("Coal", 1000, 1026));  // 6 gp remain
  CHECK(is_buy(strategy.next(kStart), 10, 1000));
}

TEST_CASE("strategy: items that somebody makes up take only so much room") {
  Strategy strategy(limits());
  strategy.on_price(price_of(std::string(257, 'x'), 100, 200));
  CHECK_FALSE(strategy.next(kStart));
  for (int i = 0; i < 10'000; ++i) strategy.on_price(price_of(std::to_string(i), 100, 100));
  strategy.on_price(price_of("one more", 100, 200));
  CHECK_FALSE(strategy.next(kStart));
  strategy.on_price(price_of("7", 100, 200));  // which there is
  CHECK(is_buy(strategy.next(kStart), 10, 100));
}

TEST_CASE("strategy: a market that is upside down is left alone") {
  Strategy strategy(limits());
  strategy.on_price(price_of("Coal", 120, 100));
  CHECK_FALSE(strategy.next(kStart));
}

TEST_CASE("strategy: a price is acted on until it is too old, and not a millisecond longer") {
  Strategy strategy(limits());
  strategy.on_price(price_of("Coal", 100, 110));
  CHECK(strategy.next(at(5'000)));
  CHECK_FALSE(strategy.next(at(5'001)));
  strategy.on_price(price_of("Coal", 100, 110, at(6'000)));
  CHECK(strategy.next(at(6'000)));
}

TEST_CASE("strategy: an older price never replaces a newer one, but in a new numbering it does") {
  Strategy strategy(limits());
  strategy.on_price(price_of("Coal", 100, 110));
  strategy.on_price(price_of("Coal", 50, 110, at(-1)));
  CHECK(is_buy(strategy.next(kStart), 10, 100));
  strategy.forget_prices();
  CHECK_FALSE(strategy.next(kStart));
  strategy.on_price(price_of("Coal", 90, 110, at(-1)));
  CHECK(is_buy(strategy.next(kStart), 10, 90));
}

TEST_CASE("strategy: a stale price sells nothing either") {
  Strategy strategy = with_ten_coal();
  CHECK(is_sale(strategy.next(kStart), 10, 110));
  CHECK_FALSE(strategy.next(at(5'001)));
}

TEST_CASE("strategy: there is never a second order for an item and side") {
  Strategy strategy(limits());
  strategy.on_price(price_of("Coal", 100, 110));
  const auto action = strategy.next(kStart);
  REQUIRE(action);
  const std::uint64_t number = strategy.begin(*action, kStart);
  SUBCASE("while it is being placed") {}
  SUBCASE("while it stands") {
    strategy.on_placed(number, Outcome::kDone, "1", "t", kStart);
  }
  SUBCASE("while nobody knows whether it stands") {
    strategy.on_placed(number, Outcome::kUnknown, "", "", kStart);
  }
  SUBCASE("while it settles") {
    strategy.on_placed(number, Outcome::kDone, "1", "t", kStart);
    strategy.on_cancelled(number, Outcome::kDone, kStart);
  }
  strategy.on_price(price_of("Coal", 90, 110));
  const auto next = strategy.next(at(1));
  CHECK((!next || next->kind == Action::Kind::kCancel));
  CHECK(strategy.exposure() == 1000);
}

TEST_CASE("strategy: what was refused is tried again only after a pause") {
  Strategy strategy(limits());
  strategy.on_price(price_of("Coal", 100, 110));
  const std::uint64_t number = strategy.begin(*strategy.next(kStart), kStart);
  strategy.on_placed(number, Outcome::kRefused, "", "", kStart);
  CHECK(strategy.exposure() == 0);
  CHECK_FALSE(strategy.next(at(4'999)));
  CHECK(is_buy(strategy.next(at(5'000)), 10, 100));
}

TEST_CASE("strategy: an order of unknown fate counts, is taken back, and may yet be filled") {
  Strategy strategy(limits());
  strategy.on_price(price_of("Coal", 100, 110));
  const std::uint64_t number = strategy.begin(*strategy.next(kStart), kStart);
  strategy.on_placed(number, Outcome::kUnknown, "", "", kStart);
  CHECK_FALSE(strategy.next(at(4'999)));
  CHECK(is_cancel(strategy.next(at(5'000))));
  strategy.on_cancelled(number, Outcome::kUnknown, at(5'000));
  CHECK_FALSE(strategy.next(at(9'999)));
  CHECK(is_cancel(strategy.next(at(10'000))));
  strategy.on_fill(fill(Side::kBuy, "Coal", 99, 4));
  strategy.on_cancelled(number, Outcome::kDone, at(10'000));
  CHECK_FALSE(strategy.next(at(11'999)));
  strategy.on_fill(fill(Side::kBuy, "Coal", 100, 1));  // was under way
  CHECK(strategy.held("Coal") == 5);
  CHECK(strategy.exposure() == 4 * 99 + 100 + 5 * 100);
  CHECK_FALSE(strategy.next(at(12'000)));
  CHECK(strategy.orders().empty());
  CHECK(strategy.exposure() == 4 * 99 + 100);
}

TEST_CASE("strategy: the position limit counts what is held and what is on order") {
  Strategy strategy = with_ten_coal();
  strategy.on_price(price_of("Coal", 100, 100));  // no sale, no purchase
  CHECK_FALSE(strategy.next(kStart));
  Limits narrow = limits();
  narrow.position_max = 13;
  Strategy small(narrow);
  small.on_price(price_of("Coal", 100, 110));
  place(small);
  small.on_fill(fill(Side::kBuy, "Coal", 100, 10));
  place(small);  // the sale
  CHECK(is_buy(small.next(kStart), 3, 100));
  place(small);
  CHECK_FALSE(small.next(kStart));
  small.on_fill(fill(Side::kBuy, "Coal", 100, 3));
  CHECK_FALSE(small.next(kStart));
}

TEST_CASE("strategy: the exposure limit is over all items, orders included") {
  Strategy strategy(limits());
  strategy.on_price(price_of("Whip", 6'000, 7'000));
  strategy.on_price(price_of("Bow", 4'500, 5'000));
  strategy.on_price(price_of("Coal", 100, 110));
  // The most profitable purchase that there is room for: two bows bring 800, one whip 860.
  CHECK(is_buy(strategy.next(kStart), 1, 6'000));
  Strategy one(limits());
  one.on_price(price_of("Whip", 6'000, 7'000));
  place(one);
  CHECK(one.exposure() == 6'000);
  one.on_price(price_of("Coal", 100, 110));
  CHECK(is_buy(one.next(kStart), 10, 100));
  place(one);
  one.on_price(price_of("Bow", 4'500, 5'000));
  CHECK_FALSE(one.next(kStart));
  CHECK(one.exposure() == 7'000);
}

TEST_CASE("strategy: orders for an item and side keep their distance in time") {
  Limits slow = limits();
  slow.order_interval = milliseconds(1'000);
  Strategy strategy(slow);
  strategy.on_price(price_of("Coal", 100, 110));
  place(strategy);
  strategy.on_fill(fill(Side::kBuy, "Coal", 100, 10));
  CHECK(is_sale(strategy.next(kStart), 10, 110));
  place(strategy);
  strategy.on_fill(fill(Side::kSell, "Coal", 110, 10));
  CHECK_FALSE(strategy.next(at(999)));
  CHECK(is_buy(strategy.next(at(1'000)), 10, 100));
}

TEST_CASE("strategy: no more orders than allowed, cancels aside") {
  Limits one_order = limits();
  one_order.orders_max = 1;
  Strategy strategy(one_order);
  strategy.on_price(price_of("Coal", 100, 110));
  strategy.on_price(price_of("Iron ore", 100, 110));
  place(strategy);
  CHECK_FALSE(strategy.next(kStart));
  CHECK(is_cancel(strategy.next(at(60'000))));
}

TEST_CASE("strategy: only the items that were named") {
  Limits only = limits();
  only.items = {"Coal"};
  Strategy strategy(only);
  strategy.on_price(price_of("Iron ore", 100, 210));
  CHECK_FALSE(strategy.next(kStart));
  strategy.on_price(price_of("Coal", 100, 110));
  CHECK(is_buy(strategy.next(kStart), 10, 100));
}

TEST_CASE("strategy: sells what it holds, for more than it paid after tax, else not") {
  Strategy strategy = with_ten_coal();
  strategy.on_price(price_of("Coal", 100, 102));  // 100 after tax
  CHECK_FALSE(strategy.next(kStart));
  strategy.on_price(price_of("Coal", 101, 103));  // 101
  CHECK(is_sale(strategy.next(kStart), 10, 103));
}

TEST_CASE("strategy: fills move the position, and a sale's profit is after tax") {
  Strategy strategy(limits());
  strategy.on_price(price_of("Coal", 100, 110));
  place(strategy);
  const auto bought = strategy.on_fill(fill(Side::kBuy, "Coal", 98, 4));
  REQUIRE(bought);
  CHECK(bought->quantity == 4);
  CHECK(strategy.held("Coal") == 4);
  CHECK(strategy.exposure() == 4 * 98 + 6 * 100);
  strategy.on_fill(fill(Side::kBuy, "Coal", 100, 6));
  CHECK(strategy.orders().empty());
  CHECK(strategy.exposure() == 992);
  place(strategy);
  const auto sold = strategy.on_fill(fill(Side::kSell, "Coal", 110, 5));
  REQUIRE(sold);
  CHECK(sold->profit == 5 * 108 - 496);
  const auto rest = strategy.on_fill(fill(Side::kSell, "Coal", 112, 5));
  REQUIRE(rest);
  CHECK(rest->profit == 5 * 110 - 496);
  CHECK(strategy.held("Coal") == 0);
  CHECK(strategy.exposure() == 0);
  CHECK(strategy.profit() == 5 * 108 + 5 * 110 - 992);
}

TEST_CASE("strategy: trades of others on the same account are not ours") {
  Strategy strategy(limits());
  CHECK_FALSE(strategy.on_fill(fill(Side::kBuy, "Coal", 100, 1)));
  strategy.on_price(price_of("Coal", 100, 110));
  place(strategy, kStart, "17");
  CHECK_FALSE(strategy.on_fill(fill(Side::kSell, "Coal", 100, 1)));
  CHECK_FALSE(strategy.on_fill(fill(Side::kBuy, "Iron ore", 100, 1)));
  CHECK_FALSE(strategy.on_fill(fill(Side::kBuy, "Coal", 101, 1)));              // worse than ours
  CHECK_FALSE(strategy.on_fill(fill(Side::kBuy, "Coal", 100, 1, at(-1'001))));  // before it
  Fill other = fill(Side::kBuy, "Coal", 100, 1);
  other.order_id = "18";
  CHECK_FALSE(strategy.on_fill(other));
  other.order_id = "17";
  other.source = "elsewhere";
  CHECK_FALSE(strategy.on_fill(other));
  other.source = "t";
  CHECK(strategy.on_fill(other));
  // More than is left of it is another's.
  const auto booked = strategy.on_fill(fill(Side::kBuy, "Coal", 100, 50));
  REQUIRE(booked);
  CHECK(booked->quantity == 9);
  CHECK(strategy.held("Coal") == 10);
}

TEST_CASE("strategy: an old order is taken back, and one whose margin has gone") {
  Strategy strategy(limits());
  strategy.on_price(price_of("Coal", 100, 110));
  place(strategy);
  CHECK_FALSE(strategy.next(at(4'000)));
  CHECK(is_cancel(strategy.next(at(60'000))));
  strategy.on_price(price_of("Coal", 90, 101, at(4'000)));  // 99 after tax; ours would pay 100
  CHECK(is_cancel(strategy.next(at(4'000))));
}

TEST_CASE("strategy: after a cancel has settled the item is traded again") {
  Strategy strategy(limits());
  strategy.on_price(price_of("Coal", 100, 110));
  const std::uint64_t number = place(strategy);
  strategy.on_cancelled(number, Outcome::kDone, kStart);
  CHECK_FALSE(strategy.next(at(1'999)));
  CHECK(is_buy(strategy.next(at(2'000)), 10, 100));
}

TEST_CASE("strategy: an account that starts over has nothing, but for what may yet reach it") {
  Strategy strategy = with_ten_coal();
  place(strategy);  // the sale
  strategy.on_price(price_of("Iron ore", 100, 110));
  const std::uint64_t number = strategy.begin(*strategy.next(kStart), kStart);
  strategy.on_placed(number, Outcome::kUnknown, "", "", kStart);
  const std::string unknown = strategy.orders().at(number).item;
  strategy.on_account_reset();
  CHECK(strategy.held("Coal") == 0);
  REQUIRE(strategy.orders().size() == 1);
  CHECK(strategy.orders().begin()->second.item == unknown);
  CHECK(strategy.exposure() == 1'000);
}

TEST_CASE("strategy: an order that was placed about when the account started over counts until it is taken back") {
  for (const int after_ms : {-500, 0, 900}) {
    Strategy strategy = with_coal_on_order();
    strategy.on_account_reset(at(after_ms));
    REQUIRE(strategy.orders().size() == 1);
    CHECK(strategy.exposure() == 1'000);
    CHECK(is_cancel(strategy.next(kStart)));
    strategy.on_cancelled(1, Outcome::kRefused, kStart);
    const auto check = strategy.next(at(2'000));
    CHECK((check && check->kind == Action::Kind::kCheck));
    CHECK(strategy.on_account_checked(1, 10));
    CHECK(strategy.held("Coal") == 10);
  }
  Strategy before = with_coal_on_order();
  before.on_account_reset(at(1'100));
  CHECK(before.orders().empty());
  Strategy filled = with_coal_on_order();
  filled.on_fill(fill(Side::kBuy, "Coal", 100, 1));
  filled.on_account_reset(kStart);
  CHECK(filled.orders().empty());
}

TEST_CASE("strategy: never believes in more than the account holds") {
  Strategy strategy = with_ten_coal();
  strategy.on_holding("Coal", 12);
  CHECK(strategy.held("Coal") == 10);
  strategy.on_holding("Coal", 4);
  CHECK(strategy.held("Coal") == 4);
  CHECK(strategy.exposure() == 400);
  strategy.on_holding("Coal", 0);
  CHECK(strategy.exposure() == 0);
  CHECK(strategy.items_held().empty());
}

TEST_CASE("strategy: where fills may be lost, what had an order is left alone and counts") {
  Strategy strategy(limits());
  strategy.on_price(price_of("Coal", 100, 110));
  const std::uint64_t number = place(strategy);
  CHECK(strategy.freeze_orders_of({}) == std::vector<std::string>{"Coal"});
  CHECK(strategy.freeze_orders_of({}).empty());
  CHECK(is_cancel(strategy.next(kStart)));
  strategy.on_cancelled(number, Outcome::kDone, kStart);
  strategy.on_price(price_of("Coal", 100, 110, at(100'000)));
  CHECK_FALSE(strategy.next(at(100'000)));
  CHECK(strategy.exposure() == 1'000);
  strategy.on_price(price_of("Iron ore", 100, 110, at(100'000)));
  CHECK(is_buy(strategy.next(at(100'000)), 10, 100));
}

TEST_CASE("strategy: a fill that cannot be read freezes the items of orders that it may be of") {
  const auto frozen = [](const std::function<void(Fill&)>& change) {
    Strategy strategy(limits());
    strategy.on_price(price_of("Coal", 100, 110));
    place(strategy, kStart, "17");
    Fill odd = fill(Side::kBuy, "Coal", 100, 1);
    odd.quantity.reset();
    change(odd);
    return !strategy.freeze_orders_of(odd).empty();
  };
  CHECK(frozen([](Fill&) {}));
  CHECK(frozen([](Fill& fill) { fill.order_id = "\"17\""; }));
  CHECK(frozen([](Fill& fill) { fill.item = "COAL "; }));
  CHECK(frozen([](Fill& fill) { fill.item.clear(); }));
  CHECK(frozen([](Fill& fill) { fill.side.reset(); }));
  CHECK_FALSE(frozen([](Fill& fill) { fill.order_id = "18"; }));
  CHECK_FALSE(frozen([](Fill& fill) { fill.item = "Iron ore"; }));
  CHECK_FALSE(frozen([](Fill& fill) { fill.side = Side::kSell; }));
  CHECK_FALSE(frozen([](Fill& fill) { fill.source = "elsewhere"; }));
}

TEST_CASE("strategy: an order that ended by itself brought what the account has more of") {
  const auto is_check = [](const std::optional<Action>& action) {
    return action && action->kind == Action::Kind::kCheck;
  };
  for (const bool rejected : {true, false}) {
    const auto ended = [&] {
      Strategy strategy(limits());
      strategy.on_price(price_of("Coal", 100, 110));
      const std::uint64_t number = place(strategy, kStart, "17");
      strategy.on_fill(fill(Side::kBuy, "Coal", 100, 2));
      // Or the trainer says that it has filled more than is known.
      strategy.on_cancelled(number, rejected ? Outcome::kRefused : Outcome::kDone, kStart,
                            rejected ? std::nullopt : std::optional<std::int64_t>(3));
      return strategy;
    };
    Strategy told = ended();
    CHECK_FALSE(is_check(told.next(at(1'999))));
    REQUIRE(is_check(told.next(at(2'000))));
    CHECK(told.exposure() == 1'000);
    CHECK(told.on_account_checked(1, 7));
    CHECK(told.held("Coal") == 7);
    CHECK(told.orders().empty());

    Strategy more = ended();
    CHECK(more.on_account_checked(1, 70));  // not all of it is of the order
    CHECK(more.held("Coal") == 10);

    Strategy unknown = ended();
    CHECK_FALSE(unknown.on_account_checked(1, std::nullopt));
    CHECK_FALSE(unknown.next(at(2'000)));
    CHECK(unknown.exposure() == 1'000);
    unknown.on_account_reset();
    unknown.on_price(price_of("Coal", 100, 110, at(2'000)));
    CHECK(is_buy(unknown.next(at(2'000)), 10, 100));

    Strategy in_time = ended();
    in_time.on_fill(fill(Side::kBuy, "Coal", 100, 8));
    CHECK_FALSE(is_check(in_time.next(at(2'000))));
    CHECK(in_time.held("Coal") == 10);
  }
}

TEST_CASE("strategy: the dearest prices of the game do not overflow") {
  Limits wide = limits();
  wide.lot = kPriceMax;
  wide.position_max = kPriceMax;
  wide.exposure_max = 1'000'000'000'000'000;
  Strategy strategy(wide);
  strategy.on_price(price_of("Party hat", 2'000'000'000, kPriceMax));
  CHECK(is_buy(strategy.next(kStart), 500'000, 2'000'000'000));
  place(strategy);
  strategy.on_fill(fill(Side::kBuy, "Party hat", 2'000'000'000, 500'000));
  place(strategy);
  const auto sold = strategy.on_fill(fill(Side::kSell, "Party hat", kPriceMax, 499'999));
  REQUIRE(sold);
  CHECK(sold->profit == 499'999 * (kPriceMax - 5'000'000 - 2'000'000'000));
  CHECK(strategy.exposure() == 2'000'000'000);
}
