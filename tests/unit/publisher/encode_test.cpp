#include "encode.h"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "json_text.h"

namespace {

constexpr auto kInt64Max = std::numeric_limits<std::int64_t>::max();
constexpr auto kInt64Min = std::numeric_limits<std::int64_t>::min();

// The data object, or "refused".
template <class Event>
std::string encoded(const Event& event) {
  std::string out;
  if (!ppo::encode(event, out)) return "refused";
  CHECK(ppo::check_json_object(out) == ppo::JsonText::object);
  return out;
}

std::string quoted(std::string_view text) {
  std::string out;
  ppo::append_json_string(out, text);
  return out;
}

std::string number(double value) {
  std::string out;
  ppo::append_double(out, value);
  return out;
}

}  // namespace

TEST_CASE("encode: an agent id that is not a name is refused") {
  CHECK(encoded(ppo::TradeExecuted{"", "buy", "x", 1, 1, 0, 1}) == "refused");
  CHECK(encoded(ppo::AgentDecision{"agent 0", "buy", "x", 1, 1, ""}) == "refused");
  CHECK(encoded(ppo::PortfolioUpdate{std::string(65, 'a'), 1, {}, 1, 0}) == "refused");
  CHECK(encoded(ppo::EpisodeEnd{"a/b", 1, 1, 0, 0, 0}) == "refused");
  ppo::TrainingUpdate update;
  update.agent_id = "?";
  CHECK(encoded(update) == "refused");
}

TEST_CASE("encode: text that should be a JSON object and is not is refused") {
  for (const char* text : {"", "[]", "1", "{", "{\"a\":1}}"}) {
    CAPTURE(std::string(text));
    CHECK(encoded(ppo::MarketAnalysis{"x", "trend", text}) == "refused");
    CHECK(encoded(ppo::ErrorEvent{"x", "y", text}) == "refused");
  }
}

TEST_CASE("encode: quotes, control characters and bytes that are not UTF-8 in strings") {
  CHECK(quoted("a\"b\\c\n\r\t\x01\x1f/") == R"("a\"b\\c\n\r\t\u0001\u001f/")");
  CHECK(quoted(std::string_view("a\0b", 3)) == R"("a\u0000b")");
  CHECK(quoted("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x89") ==
        "\"caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x90\x89\"");
  CHECK(quoted("\xFF") == "\"\xEF\xBF\xBD\"");
  CHECK(quoted("a\xC3") == "\"a\xEF\xBF\xBD\"");
  CHECK(quoted("\xC3(") == "\"\xEF\xBF\xBD(\"");
  CHECK(quoted("\xED\xA0\x80z") == "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz\"");
}

TEST_CASE("encode: doubles are the shortest text that reads back, and look like floats") {
  CHECK(number(0.0) == "0.0");
  CHECK(number(-0.0) == "-0.0");
  CHECK(number(1500000) == "1500000.0");
  CHECK(number(0.1) == "0.1");
  CHECK(number(1e300) == "1e+300");
  CHECK(number(5e-324) == "5e-324");
  CHECK(std::stod(number(0.1 + 0.2)) == 0.1 + 0.2);
  CHECK(number(std::nan("")) == "NaN");
  CHECK(number(-std::nan("")) == "NaN");
  CHECK(number(HUGE_VAL) == "Infinity");
  CHECK(number(-HUGE_VAL) == "-Infinity");
}

TEST_CASE("encode: a trade keeps every digit") {
  CHECK(encoded(ppo::TradeExecuted{"agent_0", "sell", "Abyssal whip", kInt64Max, kInt64Min, -0.5,
                                   2147483647}) ==
        R"({"agent_id":"agent_0","action_type":"sell","item":"Abyssal whip",)"
        R"("price":9223372036854775807,"quantity":-9223372036854775808,"profit":-0.5,)"
        R"("total_value":2147483647})");
  CHECK(encoded(ppo::TradeExecuted{"agent_0", "buy", "Coal", 199, 1, 0, 199, 7}) ==
        R"({"agent_id":"agent_0","action_type":"buy","item":"Coal","price":199,"quantity":1,)"
        R"("profit":0.0,"total_value":199,"order":7})");
}

TEST_CASE("encode: market events") {
  CHECK(encoded(ppo::PriceUpdate{"Abyssal whip", 1500000, 50000, 0.0333, 100}) ==
        R"({"item":"Abyssal whip","price":1500000,"change":50000,"change_percent":0.0333,)"
        R"("volume":100})");
  CHECK(encoded(ppo::MarginUpdate{"Abyssal whip", 1450000, 1550000, 100000, 0.0689}) ==
        R"({"item":"Abyssal whip","buy_price":1450000,"sell_price":1550000,"margin":100000,)"
        R"("margin_percent":0.0689})");
  CHECK(encoded(ppo::MarketAnalysis{"Abyssal whip", "volume_trend", R"({"trend":"up"})"}) ==
        R"({"item":"Abyssal whip","analysis_type":"volume_trend","data":{"trend":"up"}})");
}

TEST_CASE("encode: agent events") {
  CHECK(encoded(ppo::AgentDecision{"agent_0", "buy", "Saradomin's light", 1450000, 1, "margin"}) ==
        R"({"agent_id":"agent_0","action_type":"buy","item":"Saradomin's light",)"
        R"("price":1450000,"quantity":1,"reasoning":"margin"})");
  CHECK(
      encoded(ppo::PortfolioUpdate{
          "agent_0", 10000000, {{"Dragon bones", 1000}, {"Abyssal whip", 1}}, 12000000, 2000000}) ==
      R"({"agent_id":"agent_0","gp":10000000,"inventory":{"Abyssal whip":1,)"
      R"("Dragon bones":1000},"total_value":12000000,"inventory_value":2000000})");
  CHECK(encoded(ppo::PortfolioUpdate{"agent_0", 1, {}, 1, 0}) ==
        R"({"agent_id":"agent_0","gp":1,"inventory":{},"total_value":1,"inventory_value":0})");
}

TEST_CASE("encode: status and error") {
  CHECK(encoded(ppo::SystemStatus{"started", "line\nbreak"}) ==
        R"({"status":"started","message":"line\nbreak"})");
  CHECK(encoded(ppo::ErrorEvent{"connection_error", "lost", "{\r\n\"error_code\": 500\n}"}) ==
        R"({"error_type":"connection_error","message":"lost","details":{  "error_code": 500 }})");
  CHECK(encoded(ppo::ErrorEvent{"e", "m"}) == R"({"error_type":"e","message":"m","details":{}})");
}

TEST_CASE("encode: a training update leaves out what was not measured and shows a NaN") {
  ppo::TrainingUpdate update;
  update.update = 3;
  update.steps = 6144;
  CHECK(encoded(update) == R"({"update":3,"steps":6144})");
  update.agent_id = "agent_0";
  update.policy_loss = std::nan("");
  update.value_loss = 0.5;
  update.entropy = 1.25;
  update.approx_kl = 0.0;
  update.clip_fraction = 0.125;
  update.explained_variance = -HUGE_VAL;
  update.steps_per_second = 51200.0;
  CHECK(encoded(update) ==
        R"({"agent_id":"agent_0","update":3,"steps":6144,"policy_loss":NaN,"value_loss":0.5,)"
        R"("entropy":1.25,"approx_kl":0.0,"clip_fraction":0.125,"explained_variance":-Infinity,)"
        R"("steps_per_second":51200.0})");
}

TEST_CASE("encode: the end of an episode") {
  CHECK(encoded(ppo::EpisodeEnd{"agent_0", 7, 144, 1.5, -20000, 49980000}) ==
        R"({"agent_id":"agent_0","episode":7,"steps":144,"length":144,"reward":1.5,"profit":-20000,)"
        R"("final_value":49980000})");
}
