#include "ppo-bot/events.h"

#include <string>

#include <doctest/doctest.h>

using namespace bot;

namespace {

Event event(const std::string& type, const std::string& data, const std::string& more = "") {
  const auto event = read_event(R"({"type":")" + type + R"(","data":)" + data +
                                R"(,"timestamp":1619395200.251003,"seq":7)" + more + "}");
  REQUIRE(event);
  return *event;
}

}  // namespace

TEST_CASE("events: what is no event of the log is none") {
  for (const char* const text :
       {"", "{", "[]", "5", "{}", R"({"type":"gap","data":{},"timestamp":1})",
        R"({"type":"x","data":{},"seq":1})", R"({"type":"x","seq":1,"timestamp":1})",
        R"({"data":{},"seq":1,"timestamp":1})", R"({"type":"x","data":{},"seq":-1,"timestamp":1})",
        R"({"type":"x","data":{},"seq":1,"timestamp":"now"})",
        R"({"type":"x","data":{},"seq":1,"timestamp":1e300})"}) {
    CAPTURE(text);
    CHECK_FALSE(read_event(text));
  }
}

TEST_CASE("events: an event is as old as its source says, never younger than the bridge says") {
  CHECK(event("x", "{}").at == Moment(milliseconds(1619395200251)));
  CHECK(event("x", "{}", R"(,"source_timestamp":1619395100.5)").at ==
        Moment(milliseconds(1619395100500)));
  CHECK(event("x", "{}", R"(,"source_timestamp":1719395100.5)").at ==
        Moment(milliseconds(1619395200251)));
}

TEST_CASE("events: a price is two prices of the game, whole numbers however written") {
  const auto price =
      read_price(event("margin_update", R"({"item":"Twisted \"bow\"","buy_price":100,)"
                                        R"("sell_price":2147483647.0})"));
  REQUIRE(price);
  CHECK(price->item == "Twisted \"bow\"");
  CHECK(price->buy == 100);
  CHECK(price->sell == 2147483647);
  CHECK(price->seq == 7);
  for (const char* const data :
       {"{}", R"({"item":"Coal","buy_price":100})", R"({"item":"Coal","sell_price":100})",
        R"({"buy_price":100,"sell_price":100})", R"({"item":5,"buy_price":100,"sell_price":100})",
        R"({"item":"Coal","buy_price":null,"sell_price":100})",
        R"({"item":"Coal","buy_price":0,"sell_price":100})",
        R"({"item":"Coal","buy_price":-5,"sell_price":100})",
        R"({"item":"Coal","buy_price":100,"sell_price":2147483648})",
        R"({"item":"Coal","buy_price":"100","sell_price":100})",
        R"({"item":"Coal","buy_price":1e400,"sell_price":100})"}) {
    CAPTURE(data);
    CHECK_FALSE(read_price(event("margin_update", data)));
  }
  CHECK_FALSE(read_price(event("price_update", R"({"item":"a","buy_price":1,"sell_price":2})")));
}

TEST_CASE("events: a fill names side, item, price and quantity, and perhaps its order") {
  const auto fill = read_fill(event("trade_executed",
                                    R"({"agent_id":"agent_0","action_type":"sell","item":"Coal",)"
                                    R"("price":150,"quantity":3,"order":17})",
                                    R"(,"source":"trainer-1","run":"r","source_seq":4)"));
  REQUIRE(fill);
  CHECK(fill->side == Side::kSell);
  CHECK(fill->item == "Coal");
  CHECK(fill->price == 150);
  CHECK(fill->quantity == 3);
  CHECK(fill->order_id == "17");
  CHECK(fill->source == "trainer-1");
  for (const char* const data :
       {"{}", R"({"action_type":"hold","item":"Coal","price":150,"quantity":3})",
        R"({"action_type":"buy","item":"Coal","price":150,"quantity":0})",
        R"({"action_type":"buy","item":"Coal","quantity":3})",
        R"({"action_type":"buy","price":150,"quantity":3})"}) {
    CAPTURE(data);
    CHECK_FALSE(read_fill(event("trade_executed", data)));
  }
}
