#include "market/exchange/exchange.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "market/exchange/tax.h"

using market::Exchange;
using market::Fill;
using market::ItemFacts;
using market::OfferState;
using market::Quote;
using market::Refusal;
using market::Side;

namespace {

constexpr std::int64_t kFlood = 1'000'000'000;  // so much flow that every reachable offer fills

ItemFacts item(int id, std::optional<std::int64_t> limit) {
  return {id, "item " + std::to_string(id), limit, 100, 90, 1000, 1000};
}

Quote quote(std::int64_t high, std::int64_t low, std::int64_t flow = kFlood) {
  return {high, low, flow, flow};
}

// An account with `gp` and one item without a limit.
Exchange simple(std::int64_t gp, int id = 1) {
  return {{item(id, std::nullopt)}, gp, 7};
}

std::vector<Fill> match(Exchange& exchange, const std::vector<Quote>& quotes,
                        std::int64_t now_s = 0) {
  std::vector<Fill> fills;
  exchange.match(quotes, now_s, fills);
  return fills;
}

// Buys `quantity` of item 0 at `price` at once and collects it.
void own(Exchange& exchange, std::int64_t price, std::int64_t quantity) {
  REQUIRE(exchange.place(Side::kBuy, 0, price, quantity, 0).refusal == Refusal::kNone);
  for (int step = 0; step < 100 && exchange.owned(0) < quantity; ++step) {
    match(exchange, {quote(price, price)});
  }
  exchange.collect_all();
  REQUIRE(exchange.held(0) == quantity);
}

}  // namespace

TEST_CASE("exchange: a bad item, price or quantity is refused and changes nothing") {
  Exchange exchange = simple(1'000'000);
  CHECK(exchange.place(Side::kBuy, 1, 100, 1, 0).refusal == Refusal::kUnknownItem);
  CHECK(exchange.place(Side::kBuy, 0, 0, 1, 0).refusal == Refusal::kBadPrice);
  CHECK(exchange.place(Side::kBuy, 0, -5, 1, 0).refusal == Refusal::kBadPrice);
  CHECK(exchange.place(Side::kBuy, 0, market::kPriceMax + 1, 1, 0).refusal == Refusal::kBadPrice);
  CHECK(exchange.place(Side::kBuy, 0, 100, 0, 0).refusal == Refusal::kBadQuantity);
  CHECK(exchange.place(Side::kBuy, 0, 1, market::kOfferQuantityMax + 1, 0).refusal ==
        Refusal::kBadQuantity);
  CHECK(exchange.free_slots() == 8);
  CHECK(exchange.gp() == 1'000'000);
}

TEST_CASE("exchange: gp and items that are not there cannot be offered") {
  Exchange exchange = simple(999);
  CHECK(exchange.place(Side::kBuy, 0, 100, 10, 0).refusal == Refusal::kNotEnoughGp);
  CHECK(exchange.place(Side::kSell, 0, 100, 1, 0).refusal == Refusal::kNotEnoughItems);
  CHECK(exchange.place(Side::kBuy, 0, 111, 9, 0).refusal == Refusal::kNone);
  CHECK(exchange.gp() == 0);
  CHECK(exchange.place(Side::kBuy, 0, 1, 1, 0).refusal == Refusal::kNotEnoughGp);
}

TEST_CASE("exchange: the ninth offer finds no slot, and a slot is free only once collected") {
  Exchange exchange = simple(1'000'000);
  for (int i = 0; i < 8; ++i) {
    CHECK(exchange.place(Side::kBuy, 0, 10, 1, 0).refusal == Refusal::kNone);
  }
  CHECK(exchange.place(Side::kBuy, 0, 10, 1, 0).refusal == Refusal::kNoFreeSlot);
  CHECK(exchange.cancel(3));
  CHECK_FALSE(exchange.cancel(3));
  CHECK(exchange.place(Side::kBuy, 0, 10, 1, 0).refusal == Refusal::kNoFreeSlot);
  exchange.collect(3);
  const auto placed = exchange.place(Side::kBuy, 0, 10, 1, 0);
  CHECK(placed.refusal == Refusal::kNone);
  CHECK(placed.slot == 3);
}

TEST_CASE("exchange: a buy offer fills up to the limit, then waits for the window to move on") {
  Exchange exchange({item(1, 70)}, 1'000'000, 7);
  REQUIRE(exchange.place(Side::kBuy, 0, 100, 100, 0).refusal == Refusal::kNone);
  const auto first = match(exchange, {quote(90, 80)}, 300);
  REQUIRE(first.size() == 1);
  CHECK(first[0].quantity == 70);
  CHECK(match(exchange, {quote(90, 80)}, 600).empty());
  CHECK(exchange.place(Side::kBuy, 0, 100, 1, 600).refusal == Refusal::kBuyLimitReached);
  const auto second = match(exchange, {quote(90, 80)}, 300 + market::kBuyLimitWindow_s);
  REQUIRE(second.size() == 1);
  CHECK(second[0].quantity == 30);
  CHECK(exchange.offers()[0].state == OfferState::kComplete);
}

TEST_CASE("exchange: a better price than asked is honoured and the rest of the gp comes back") {
  Exchange exchange = simple(10'000);
  REQUIRE(exchange.place(Side::kBuy, 0, 100, 100, 0).refusal == Refusal::kNone);
  CHECK(exchange.gp() == 0);
  const auto fills = match(exchange, {quote(90, 80)});
  REQUIRE(fills.size() == 1);
  CHECK(fills[0].price == 90);
  CHECK(fills[0].tax == 0);
  exchange.collect_all();
  CHECK(exchange.gp() == 1000);
  CHECK(exchange.held(0) == 100);

  REQUIRE(exchange.place(Side::kSell, 0, 60, 100, 0).refusal == Refusal::kNone);
  const auto sales = match(exchange, {quote(90, 80)});
  REQUIRE(sales.size() == 1);
  CHECK(sales[0].price == 80);
  CHECK(sales[0].tax == 100);  // 1 gp of each 80 gp item, not 2 % of 8000
  CHECK(sales[0].total() == 7900);
}

TEST_CASE("exchange: an offer behind its own edge of the spread waits") {
  Exchange exchange = simple(1'000'000);
  REQUIRE(exchange.place(Side::kBuy, 0, 79, 10, 0).refusal == Refusal::kNone);
  CHECK(match(exchange, {quote(90, 80)}).empty());
  CHECK(match(exchange, {quote(90, 79)}).size() == 1);
}

TEST_CASE("exchange: offers fill gradually, by a share of what is traded") {
  Exchange exchange = simple(100'000'000);
  REQUIRE(exchange.place(Side::kBuy, 0, 80, 1'000'000, 0).refusal == Refusal::kNone);
  std::int64_t bought = 0;
  for (int step = 0; step < 100; ++step) {
    for (const Fill& fill : match(exchange, {quote(90, 80, 1000)}, step * 300)) {
      CHECK(fill.price == 80);
      CHECK(fill.quantity <= 1000);
      bought += fill.quantity;
    }
  }
  CHECK(bought > 9'000);  // a tenth of 100,000, give or take
  CHECK(bought < 11'000);
  CHECK(exchange.offers()[0].filled == bought);
}

TEST_CASE("exchange: two offers for one item share its flow") {
  Exchange exchange = simple(100'000'000);
  REQUIRE(exchange.place(Side::kBuy, 0, 200, 100'000, 0).refusal == Refusal::kNone);
  REQUIRE(exchange.place(Side::kBuy, 0, 200, 100'000, 0).refusal == Refusal::kNone);
  REQUIRE(exchange.place(Side::kBuy, 0, 200, 100'000, 0).refusal == Refusal::kNone);
  for (int step = 0; step < 20; ++step) {
    std::int64_t sum = 0;
    for (const Fill& fill : match(exchange, {quote(90, 80, 50)}, step)) sum += fill.quantity;
    CHECK(sum <= 50);
  }
}

TEST_CASE("exchange: where the low price lies above the high one there is nothing for free") {
  Exchange exchange = simple(1'000'000);
  REQUIRE(exchange.place(Side::kBuy, 0, 222, 1000, 0).refusal == Refusal::kNone);
  const auto fills = match(exchange, {quote(220, 222)});
  REQUIRE(fills.size() == 1);
  CHECK(fills[0].price == 222);
  exchange.collect_all();
  REQUIRE(exchange.place(Side::kSell, 0, 220, 1000, 0).refusal == Refusal::kNone);
  const auto sales = match(exchange, {quote(220, 222)});
  REQUIRE(sales.size() == 1);
  CHECK(sales[0].price == 220);
  exchange.collect_all();
  CHECK(exchange.gp() < 1'000'000);
}

TEST_CASE("exchange: cancelling gives back what was set aside, collecting moves it") {
  Exchange exchange = simple(1'000'000);
  own(exchange, 100, 50);
  REQUIRE(exchange.place(Side::kSell, 0, 500, 20, 0).refusal == Refusal::kNone);
  REQUIRE(exchange.place(Side::kBuy, 0, 10, 100, 0).refusal == Refusal::kNone);
  CHECK(exchange.held(0) == 30);
  CHECK(exchange.owned(0) == 50);
  CHECK(exchange.gp_total() == 995'000);
  CHECK(exchange.cancel(0));
  CHECK(exchange.cancel(1));
  CHECK(exchange.held(0) == 30);
  CHECK(exchange.gp() == 994'000);
  exchange.collect_all();
  CHECK(exchange.held(0) == 50);
  CHECK(exchange.gp() == 995'000);
  CHECK(exchange.free_slots() == 8);
}

TEST_CASE("exchange: totals beyond 32 and 53 bits are exact") {
  constexpr std::int64_t kGp = market::kStartGpMax;
  Exchange exchange = simple(kGp, 20997);
  const std::int64_t price = market::kPriceMax;
  own(exchange, price, 400'000'001);
  CHECK(exchange.gp() == kGp - price * 400'000'001);  // 858,993,460,947,483,647 gp spent
  CHECK(exchange.gp_total() == 141'006'539'052'516'353);
  REQUIRE(exchange.place(Side::kSell, 0, price, 400'000'001, 0).refusal == Refusal::kNone);
  std::int64_t tax = 0;
  for (int step = 0; step < 100 && exchange.owned(0) > 0; ++step) {
    for (const Fill& fill : match(exchange, {quote(price, price)})) tax += fill.tax;
  }
  exchange.collect_all();
  CHECK(tax == 2'000'000'005'000'000);  // 5,000,000 gp an item
  CHECK(exchange.gp() == kGp - tax);
}

TEST_CASE("exchange: an item without a limit may be bought without end") {
  Exchange exchange = simple(1'000'000'000);
  own(exchange, 1, 100'000'000);
  CHECK(exchange.place(Side::kBuy, 0, 1, 1, 0).refusal == Refusal::kNone);
}

TEST_CASE("exchange: bonds are sold without tax") {
  Exchange exchange({item(market::kBondItemId, 100)}, 2'000'000'000, 7);
  own(exchange, 14'000'000, 100);
  REQUIRE(exchange.place(Side::kSell, 0, 14'000'000, 100, 0).refusal == Refusal::kNone);
  match(exchange, {quote(14'000'000, 14'000'000)});
  exchange.collect_all();
  CHECK(exchange.gp() == 2'000'000'000);
}
