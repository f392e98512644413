// The client of 2025, written for the Python server: it must work as it is.

#include <doctest/doctest.h>

#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/raw_websocket.h"
#include "support/json.h"

using namespace testing_support;

TEST_CASE("legacy: register, one frame, register again, one frame that says registered, listen") {
  BridgeProcess bridge;
  auto ws = RawWebSocket::connect(bridge.websocket());
  const char* const registration =
      R"({"action":"register","client_id":"test_client","client_type":"test",)"
      R"("subscriptions":["trade_executed","price_update"]})";
  REQUIRE(ws.send_text(registration));
  const Json first(ws.receive_text().value());
  CHECK(first.string("/type") == "system_status");
  CHECK(first.number("/timestamp") > 1.6e9);
  REQUIRE(ws.send_text(registration));
  const Json second(ws.receive_text().value());
  CHECK(second.string("/status") == "registered");

  REQUIRE(ws.send_text(R"({"action":"command","command":"get_status","params":{}})"));
  Json reply(ws.receive_text().value());
  while (reply.string("/status") == "registered") reply = Json(ws.receive_text().value());
  CHECK(reply.string("/status") == "command_result");
  CHECK(reply.string("/result/status") == "running");

  EventPublisher publisher(bridge.events_in());
  REQUIRE(publisher.publish(event_body("margin_update")));
  REQUIRE(publisher.publish(
      R"({"type":"trade_executed","data":{"agent_id":"agent_0","action_type":"buy",)"
      R"("item":"Abyssal whip","price":1500000,"quantity":1,"profit":0.0,"total_value":1500000},)"
      R"("timestamp":1619395200})"));
  const Json event(ws.receive_text().value());
  CHECK(event.string("/type") == "trade_executed");
  CHECK(event.string("/data/item") == "Abyssal whip");
  CHECK(event.number("/timestamp") > 1.6e9);

  REQUIRE(ws.send_text(R"({"action":"command","command":"get_recent_events",)"
                       R"("params":{"count":5,"type":"trade_executed"}})"));
  const Json recent(ws.receive_text().value());
  CHECK(recent.size("/result/events") == 1);
}
