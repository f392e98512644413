#include "ppo-client/event_printer.h"

#include <string>

#include <doctest/doctest.h>

#include "feed/json.h"
#include "ppo-client/text.h"

using client::EventPrinter;
using client::Style;

namespace {

std::string event(const std::string& type, const std::string& data, const std::string& more = "") {
  return R"({"type":")" + type + R"(","data":)" + data +
         R"(,"timestamp":1619395200.251003,"seq":1042,"source":"trainer-1")" + more + "}";
}

// What a fresh printer makes of it, behind the columns that all have.
std::string line(const std::string& type, const std::string& data) {
  return EventPrinter(Style{}).event(event(type, data));
}

}  // namespace

TEST_CASE("printer: golden lines of the ten types") {
  CHECK(line("trade_executed",
             R"({"agent_id":"agent_0","action_type":"buy","item":"Abyssal whip","price":1670794,)"
             R"("quantity":10,"profit":0.0,"total_value":16707940})") ==
        "00:00:00.251  1,042  trade_executed    trainer-1/agent_0  Abyssal whip  "
        "buy 10 @ 1.67m = 16.7m profit 0");
  CHECK(line("trade_executed",
             R"({"agent_id":"agent_0","action_type":"sell","item":"Coal","price":199,)"
             R"("quantity":13000,"profit":-123456.75,"total_value":2587000})") ==
        "00:00:00.251  1,042  trade_executed    trainer-1/agent_0  Coal      "
        "sell 13,000 @ 199 = 2.58m profit -123k");
  CHECK(line("price_update", R"({"item":"Twisted bow","price":1538895450,"change":50000,)"
                             R"("change_percent":0.0333,"volume":100})") ==
        "00:00:00.251  1,042  price_update      trainer-1  Twisted bow  "
        "1.53b +50k (+3.33%) volume 100");
  CHECK(line("margin_update", R"({"item":"Coal","buy_price":195,"sell_price":199,"margin":-4,)"
                              R"("margin_percent":-0.0205})") ==
        "00:00:00.251  1,042  margin_update     trainer-1  Coal      "
        "buy 195 sell 199 margin -4 (-2.05%)");
  CHECK(line("agent_decision",
             R"({"agent_id":"agent_0","action_type":"buy","item":"Coal","price":195,)"
             R"("quantity":1,"reasoning":"High profit potential"})") ==
        "00:00:00.251  1,042  agent_decision    trainer-1/agent_0  Coal      "
        "buy 1 @ 195 High profit potential");
  CHECK(line("agent_decision",
             R"({"agent_id":"agent_0","action_type":"hold","item":"","price":0,"quantity":0,)"
             R"("reasoning":"no edge"})") ==
        "00:00:00.251  1,042  agent_decision    trainer-1/agent_0            hold no edge");
  CHECK(line("portfolio_update",
             R"({"agent_id":"agent_0","gp":10000000,"inventory":{"Abyssal whip":1,)"
             R"("Dragon bones":1000,"a":2,"b":3,"c":4},"total_value":12000000,)"
             R"("inventory_value":2000000})") ==
        "00:00:00.251  1,042  portfolio_update  trainer-1/agent_0            "
        "gp 10m + items 2m = 12m [1,000 Dragon bones, 4 c, 3 b, 2 a and 1 more]");
  CHECK(line("market_analysis",
             R"({"item":"Coal","analysis_type":"volume_trend","data":{"recent_volume":100,)"
             R"("trend":"increasing","volatility":0.05}})") ==
        "00:00:00.251  1,042  market_analysis   trainer-1  Coal      "
        "volume_trend recent_volume 100 trend increasing volatility 0.05");
  CHECK(line("system_status", R"({"status":"started","message":"WebSocket server started"})") ==
        "00:00:00.251  1,042  system_status     trainer-1            "
        "started WebSocket server started");
  CHECK(line("error", R"({"error_type":"connection_error","message":"no database",)"
                      R"("details":{"error_code":500,"component":"database"}})") ==
        "00:00:00.251  1,042  error             trainer-1            "
        "connection_error no database error_code 500 component database");
  CHECK(line("training_update",
             R"({"agent_id":"agent_0","update":12,"steps":24576,"policy_loss":-0.012345,)"
             R"("value_loss":null,"entropy":1.5,"approx_kl":0.0045,"clip_fraction":0.12,)"
             R"("explained_variance":0.83,"steps_per_second":3210.7})") ==
        "00:00:00.251  1,042  training_update   trainer-1/agent_0            "
        "update 12 steps 24,576 policy -0.01235 value NaN entropy 1.5 kl 0.0045 clip 0.12 ev 0.83 "
        "3,210 steps/s");
  CHECK(line("episode_end",
             R"({"agent_id":"agent_0","episode":7,"steps":288,"reward":1.25,"profit":120000,)"
             R"("final_value":10120000})") ==
        "00:00:00.251  1,042  episode_end       trainer-1/agent_0            "
        "episode 7 steps 288 reward 1.25 profit +120k value 10.1m");
}

TEST_CASE("printer: an unknown type, and a known one of another shape, show their data") {
  CHECK(
      line("x", R"({ "big" : 18446744073709551615, "f": 1.50 })") ==
      R"(00:00:00.251  1,042  x                 trainer-1            {"big":18446744073709551615,"f":1.50})");
  CHECK(line("trade_executed", R"({"other":[1, 2]})") ==
        R"(00:00:00.251  1,042  trade_executed    trainer-1            {"other":[1,2]})");
}

TEST_CASE("printer: a number that no double can hold spoils nothing but itself") {
  CHECK(line("x", R"({"a":1e999})") ==
        R"(00:00:00.251  1,042  x                 trainer-1            {"a":1e999})");
  CHECK(EventPrinter(Style{}).event(
            R"({"type":"system_status","data":{"status":"up"},"seq":1,"more":1e999})") ==
        "--:--:--.---      1  system_status                        up");
}

TEST_CASE("printer: whatever shape an event has, it becomes a line") {
  EventPrinter printer(Style{});
  for (const char* const text :
       {"{}", "[]", "5", "null", R"({"type":5,"data":[],"seq":"x","timestamp":"y","source":{}})",
        R"({"type":"trade_executed","data":{"price":"x","quantity":null,"action_type":7}})",
        R"({"type":"portfolio_update","data":{"inventory":{"a":null,"b":[1]},"gp":{}}})",
        R"({"type":"market_analysis","data":{"data":5}})",
        R"({"type":"training_update","data":{"steps_per_second":1e300,"entropy":"x"}})",
        R"({"type":"error","data":"text"})", R"({"type":"x","data":1e999})"}) {
    CAPTURE(text);
    CHECK(printer.event(text).find('\n') == std::string::npos);
  }
  const std::string deep = R"({"type":"x","data":{"a":)" + std::string(62, '[') + std::string(62, ']') + "}}";
  CHECK(printer.event(deep).size() > 124);
}

TEST_CASE("printer: a hostile event cannot steer the terminal or break the line") {
  const std::string evil = R"(\u001b]0;owned\u0007\u009b2J\r\n\u202e)"
                           "\xc2\x9b";
  for (const char* const type : {"trade_executed", "portfolio_update", "market_analysis", "error",
                                 "agent_decision", "system_status", "unknown"}) {
    const std::string text = R"({"type":")" + std::string(type) + R"(","data":{"agent_id":")" +
                             evil + R"(","item":")" + evil + R"(","action_type":")" + evil +
                             R"(","message":")" + evil + R"(","status":")" + evil +
                             R"(","reasoning":")" + evil + R"(","inventory":{")" + evil +
                             R"(":1},"data":{")" + evil + R"(":")" + evil + R"("},"error_type":")" +
                             evil + R"("},"source":")" + evil + R"(","seq":1,"timestamp":1})";
    REQUIRE(feed::json::valid(text));
    const std::string shown = EventPrinter(Style{}).event(text);
    CAPTURE(type);
    for (const char* const bad : {"\x1b", "\a", "\r", "\n", "\xc2\x9b", "\xe2\x80\xae"}) {
      CHECK(shown.find(bad) == std::string::npos);
    }
    CHECK(shown.find("owned") != std::string::npos);
  }
}

TEST_CASE("printer: columns grow with their contents and stay, up to a share of the terminal") {
  EventPrinter printer(Style{false, 130});
  const std::string small = R"({"item":"Coal","price":5})";
  const std::string large = R"({"item":"龍の骨龍の骨龍の骨龍の骨龍の骨","price":5})";
  CHECK(printer.event(event("price_update", small)) ==
        "00:00:00.251  1,042  price_update      trainer-1  Coal      5");
  CHECK(printer.event(event("price_update", large)) ==
        "00:00:00.251  1,042  price_update      trainer-1  龍の骨龍の骨龍の…   5");
  CHECK(printer.event(event("price_update", small)) ==
        "00:00:00.251  1,042  price_update      trainer-1  Coal                5");
}

TEST_CASE("printer: no line is wider than the terminal, and a narrow one shows less") {
  for (const size_t width : {1u, 20u, 60u, 80u, 100u, 140u}) {
    EventPrinter printer(Style{true, width});
    EventPrinter plain(Style{false, width});
    const std::string text = event(
        "agent_decision",
        R"({"agent_id":"agent_0","action_type":"buy","item":"Prayer potion four","price":195,)"
        R"("quantity":1,"reasoning":"a long reasoning that does not fit into one line at all"})");
    CHECK(client::display_width(plain.event(text)) <= width);
    CHECK(printer.event(text).size() > 0);
  }
  EventPrinter narrow(Style{false, 80});
  CHECK(
      narrow.event(event("trade_executed",
                         R"({"agent_id":"agent_0","action_type":"buy","item":"Prayer potion four",)"
                         R"("price":13215,"quantity":5,"total_value":66075})")) ==
      "00:00:00 trade_executed   trainer-1/agent_0 Prayer po… buy 5 @ 13.2k = 66k");
}

TEST_CASE("printer: colours say buy and sell, gain and loss") {
  EventPrinter printer(Style{true, 0});
  const std::string gain = printer.event(
      event("trade_executed", R"({"action_type":"sell","quantity":1,"price":5,"profit":7})"));
  CHECK(gain.find("\x1b[32mtrade_executed\x1b[0m") != std::string::npos);
  CHECK(gain.find("\x1b[35msell\x1b[0m") != std::string::npos);
  CHECK(gain.find("\x1b[32m+7\x1b[0m") != std::string::npos);
  const std::string loss = printer.event(
      event("trade_executed", R"({"action_type":"buy","quantity":1,"price":5,"profit":-7})"));
  CHECK(loss.find("\x1b[36mbuy\x1b[0m") != std::string::npos);
  CHECK(loss.find("\x1b[31m-7\x1b[0m") != std::string::npos);
}

TEST_CASE("printer: gaps of the log, of a source, and of an epoch that is over") {
  const EventPrinter printer(Style{});
  feed::Gap gap;
  gap.reason = "slow_client";
  CHECK(printer.gap(gap) == "-- gap: events missing (slow_client) --");
  gap.from_seq = 5;
  gap.to_seq = 1099;
  CHECK(printer.gap(gap) == "-- gap: events 5..1,099 missing (slow_client) --");
  gap.to_seq = 5;
  CHECK(printer.gap(gap) == "-- gap: event 5 missing (slow_client) --");
  gap.to_seq = 4;
  gap.reason = "evicted";
  CHECK(printer.gap(gap) == "-- gap: what came before this epoch may be missing (evicted) --");
  feed::Gap lost;
  lost.reason = "source_lost";
  lost.source = "trainer-1\x1b[2J";
  CHECK(printer.gap(lost) == "-- gap: trainer-1␛[2J: events missing (source_lost) --");
  lost.source = "trainer-1";
  lost.from_source_seq = 3;
  lost.to_source_seq = 9;
  CHECK(printer.gap(lost) == "-- gap: trainer-1: events 3..9 missing (source_lost) --");
}
