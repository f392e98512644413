#include "ppo-client/where.h"

#include <string>

#include <doctest/doctest.h>

using client::Where;

namespace {

std::string problem(std::string_view rule) { return Where::read(rule).error(); }

bool passes(std::string_view rule, const std::string& event) {
  const auto where = Where::read(rule);
  REQUIRE_MESSAGE(where.ok(), where.error());
  return where->passes(event);
}

std::string trade(const std::string& data) {
  return R"({"type":"trade_executed","data":)" + data + R"(,"timestamp":1,"seq":7,"source":"trainer-1","run":"r"})";
}

}  // namespace

TEST_CASE("where: what is no rule, or takes more than one event, is refused with its place") {
  CHECK(problem("trade_executed where") == "--where is 'trade_executed where'; at byte 20: expected a field of the event, found the end");
  for (const char* rule : {"error where x > 1 for 30s", "count(error) per 1m > 10", "t where avg(x, 5m) > 1"}) {
    CHECK(problem(rule).find("must be what one event alone decides") != std::string::npos);
  }
  CHECK(problem("t where x = \"\xff\"").find("must be UTF-8") != std::string::npos);
}

TEST_CASE("where: events pass as they do on the page's tape") {
  const std::string rich = trade(R"({"item":"Abyssal whip","profit":150000,"note":null,"deep":{"x":[1],"y":2}})");
  CHECK(passes("trade_executed where profit > 100k and item = \"Abyssal whip\"", rich));
  CHECK(passes("trade_* where item ~ WHIP and not profit < 1", rich));
  CHECK(passes("* where source = trainer-1 and seq = 7 and deep.y = 2", rich));
  CHECK(passes("* where note is NaN and note is null and nothing is null", rich));
  CHECK(passes("* where * ~ \"abyssal\"", rich));
  CHECK_FALSE(passes("trade_executed where profit > 150k", rich));
  CHECK_FALSE(passes("order_*", rich));
  CHECK_FALSE(passes("* where deep.x = 1 or deep = 2 or deep.y.z = 2", rich));
  CHECK_FALSE(passes("* where profit > 0", trade(R"({"profit":"150000"})")));
  CHECK(passes("trade_*", trade(R"({"profit":1e400})")));
  // A member of data is meant first.
  CHECK(passes("* where source = other", trade(R"({"source":"other"})")));
  for (const char* data : {"{}", "[]", "null", "1", R"({"profit":1e400})"}) CHECK_FALSE(passes("* where profit > 1", trade(data)));
}

TEST_CASE("where: what the bridge says of sources and runs") {
  const std::string stalled = R"({"type":"system_status","data":{"status":"source_stalled","source":"s"},"seq":1,"source":"ppo-bridge"})";
  CHECK(passes("source stalled", stalled));
  CHECK_FALSE(passes("source gone", stalled));
  CHECK_FALSE(passes("source stalled", R"({"type":"system_status","data":{"status":"source_stalled"},"source":"liar"})"));
  CHECK(passes("run crashed", R"({"type":"run_ended","data":{"state":"crashed"},"source":"s"})"));
  CHECK(Where::read("run crashed")->types() == "run_ended");
  CHECK(Where::read("gap")->types() == "system_status");
  CHECK(Where::read("order_* where x = 1")->types() == "order_*");
}
