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
  for (const char* const data :
       {"{}", R"({"item":"Coal","buy_price":100})", R"({"item":"Coal","sell_price":100})",
        R"({"buy_price":100,"sell_price":100})", R"({"item":5,"buy_price":100,"sell_price":100})",
        R"({"item":"Coal","buy_price":null,"sell_price":100})",
        R"({"item":"Coal","buy_price":0,"sell_price":100})",
        R"({"item":"Coal","buy_price":-5,"sell_price":100})",
        R"({"item":"Coal","buy_price":100,"sell_price":2147483648})",
        R"({"item":"Coal","buy_price":"dear","sell_price":100})",
        R"({"item":"Coal","buy_price":1e400,"sell_price":100})"}) {
    CAPTURE(data);
    CHECK_FALSE(read_price(event("margin_update", data)));
  }
  CHECK_FALSE(read_price(event("price_update", R"({"item":"a","buy_price":1,"sell_price":2})")));
}

TEST_CASE("events: what remains after tax is the publisher's word, where it can be believed") {
  const auto after = [](const std::string& margin) {
    return read_price(event("margin_update", R"({"item":"Coal","buy_price":100,"sell_price":150,)"
                                             R"("margin_after_tax":)" +
                                                 margin + "}"))
        ->sell_after_tax;
  };
  CHECK(after("50") == 150);
  CHECK(after("\"47\"") == 147);
  CHECK(after("-1") == 99);
  for (const char* const odd : {"51", "-101", "null", "\"x\"", "1e400"}) CHECK(after(odd) == 147);
  CHECK(price_after_tax(49) == 49);
  CHECK(price_after_tax(50) == 49);
  CHECK(price_after_tax(149) == 147);
  CHECK(price_after_tax(250'000'000) == 245'000'000);
  CHECK(price_after_tax(kPriceMax) == kPriceMax - 5'000'000);
}

TEST_CASE("events: a fill names side, item, price and quantity, however they are written") {
  for (const char* const data :
       {R"({"action_type":"sell","item":"Coal","price":150,"quantity":3,"order":17})",
        R"({"action_type":"SELL","item":"Coal","price":"150","quantity":"3","order":"17"})",
        R"({"action_type":" Sell ","item":"Coal","price":150.0,"quantity":3.0,"order":17.0})"}) {
    CAPTURE(data);
    const auto fill = read_fill(event("trade_executed", data, R"(,"source":"trainer-1")"));
    REQUIRE(fill);
    CHECK(fill->readable());
    CHECK(fill->side == Side::kSell);
    CHECK(fill->item == "Coal");
    CHECK(fill->price == 150);
    CHECK(fill->quantity == 3);
    CHECK(same(fill->order_id, "17"));
    CHECK(fill->source == "trainer-1");
  }
  for (const char* const data :
       {R"({"action_type":"HOLD","item":"Coal","price":150,"quantity":3})",
        R"({"action_type":"buy","item":"Coal","price":150,"quantity":0})"}) {
    CHECK_FALSE(read_fill(event("trade_executed", data)));
  }
}

TEST_CASE("events: a fill that cannot be read is not taken for none") {
  for (const char* const data :
       {"{}", R"({"action_type":"long","item":"Coal","price":150,"quantity":3})",
        R"({"action_type":1,"item":"Coal","price":150,"quantity":3})",
        R"({"action_type":"buy","item":"Coal","quantity":3})",
        R"({"action_type":"buy","item":"Coal","price":"much","quantity":3})",
        R"({"action_type":"buy","item":"Coal","price":150,"quantity":null})",
        R"({"action_type":"buy","item":"Coal","price":150,"quantity":2.5})",
        R"({"action_type":"buy","item":["Coal"],"price":150,"quantity":3})",
        R"({"action_type":"buy","price":150,"quantity":3})"}) {
    CAPTURE(data);
    const auto fill = read_fill(event("trade_executed", data));
    REQUIRE(fill);
    CHECK_FALSE(fill->readable());
  }
}

TEST_CASE("events: names and numbers are the same however they are written") {
  CHECK(same("1", "\"1\""));
  CHECK(same("1.0", "1"));
  CHECK(same("\"A-7\"", "\"a-7\""));
  CHECK_FALSE(same("1", "2"));
  CHECK_FALSE(same("9007199254740993", "9007199254740992"));
  CHECK_FALSE(same("\"a\"", "1"));
}

TEST_CASE("events: who an event is about") {
  const Event trade =
      event("trade_executed", R"({"agent_id":"agent_0"})", R"(,"source":"trainer-1","run":"r1")");
  for (const char* const target : {"agent_0", "Agent_0", "trainer-1", "trainer-1/agent_0",
                                   "trainer-1@r1", "trainer-1@r1/agent_0"}) {
    CHECK(is_about(trade, target));
  }
  for (const char* const target :
       {"agent_1", "trainer-2", "trainer-1/agent_1", "trainer-1@r2", "trainer-1@r2/agent_0"}) {
    CHECK_FALSE(is_about(trade, target));
  }
  for (const char* const data : {"{}", R"({"agent_id":null})", R"({"agent_id":""})"}) {
    const auto of = [&](const char* type) { return event(type, data, R"(,"source":"trainer-1","run":"r1")"); };
    CHECK(is_about(of("trade_executed"), "Trainer-1/agent_0"));
    CHECK(is_about(of("trade_executed"), "trainer-1@r1/agent_0"));
    CHECK_FALSE(is_about(of("trade_executed"), "trainer-2/agent_0"));
    CHECK_FALSE(is_about(of("trade_executed"), "trainer-12/agent_0"));
    CHECK_FALSE(is_about(of("episode_end"), "trainer-1/agent_0"));
  }
}
