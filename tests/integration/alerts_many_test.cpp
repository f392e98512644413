// Alerts that have raised much: all of it is ended or acknowledged, once, though some a turn.

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "raised_rows.h"

using namespace testing_support;

namespace {

constexpr int kAgents = 500;

std::string command(const std::string& name, const std::string& params = "{}") {
  return R"({"action":"command","command":")" + name + R"(","params":)" + params + "}";
}

Json list(ProtocolClient& client) { return client.request(command("list_alerts")); }

}  // namespace

TEST_CASE("alerts: many that are raised are acknowledged and ended each once, in the order of asking, over a restart") {
  ScratchDirectory directory;
  const BridgeOptions options = with_raised(directory.file("j"), kAgents);
  {
    BridgeProcess bridge(options);
    ProtocolClient client(bridge.websocket());
    // Nobody waits for a reply in between.
    for (const char* const wish : {"acknowledge_alert 1", "delete_alert 2", "acknowledge_alert 2"}) {
      const std::string text = wish;
      const std::size_t space = text.find(' ');
      REQUIRE(client.connection().send_text(command(text.substr(0, space), R"({"alert_id":)" + text.substr(space) + "}")));
    }
    const auto reply = [&client] { return Json(client.connection().receive_text().value()); };
    CHECK(reply().integer("/result/acknowledged") == kAgents);
    // The second is told once it is written; that there is no such alert any more, at once.
    const Json one = reply(), other = reply();
    const Json& deleted = one.has("/result/deleted") ? one : other;
    CHECK(deleted.boolean("/result/survives_restart"));
    CHECK((&deleted == &one ? other : one).string("/data/message") == "params.alert_id is 2, which is no alert");
    const Json cleared = client.request(command("get_recent_events", R"({"count":10000,"type":"alert_cleared"})"));
    REQUIRE(cleared.integer("/result/count") == kAgents);
    std::set<std::string> agents;
    for (int i = 0; i < kAgents; ++i) {
      const std::string at = "/result/events/" + std::to_string(i) + "/data/";
      CHECK(cleared.integer(at + "alert_id") == 2);
      CHECK(cleared.string(at + "reason") == "deleted");
      agents.insert(cleared.string(at + "agent_id"));
    }
    CHECK(agents.size() == kAgents);
    client.disconnect();
    CHECK(bridge.stop() == 0);
  }
  {
    BridgeProcess bridge(options);
    ProtocolClient client(bridge.websocket());
    const Json alerts = list(client);
    CHECK(alerts.integer("/result/count") == 1);
    REQUIRE(alerts.size("/result/alerts/0/raised") == kAgents);
    CHECK(client.request(command("delete_alert", R"({"alert_id":1})")).boolean("/result/survives_restart"));
    CHECK(metric(bridge, "ppo_bridge_alerts_firing") == 0);
  }  // killed
  BridgeProcess bridge(options);
  ProtocolClient client(bridge.websocket());
  CHECK(list(client).integer("/result/count") == 0);
}

TEST_CASE("alerts: what is raised while others are ended is raised behind them") {
  ScratchDirectory directory;
  BridgeProcess bridge(with_raised(directory.file("j"), kAgents));
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register","subscriptions":["alert_*"]})");
  REQUIRE(client.connection().send_text(command("acknowledge_alert", R"({"alert_id":2})")));
  EventPublisher publisher(bridge.events_in());
  REQUIRE(publisher.publish(event_body("t", R"({"x":2,"agent_id":"agent-7"})")));
  // Its reply comes when it is done, behind those to what is asked meanwhile.
  Json reply = client.request(command("get_status"));
  while (!reply.has("/result/acknowledged")) reply = client.request(command("get_status"));
  CHECK(reply.integer("/result/acknowledged") == kAgents);
  // Of each agent: it ends once, and what is raised anew comes behind that.
  std::set<std::string> ended;
  bool raised = false;
  for (int i = 0; i < kAgents; ++i) {
    const Json event = client.next_event();
    if (event.string("/type") == "alert_raised") {
      CHECK(event.string("/data/agent_id") == "agent-7");
      CHECK(ended.count("agent-7") == 1);
      raised = true;
      --i;
    } else {
      CHECK(ended.insert(event.string("/data/agent_id")).second);
    }
  }
  const auto again = [&] { return metric(bridge, "ppo_bridge_alerts_firing") == kAgents + 1; };
  if (!raised) {
    // It came too early to count anew: the next one does.
    REQUIRE(publisher.publish(event_body("t", R"({"x":2,"agent_id":"agent-7"})")));
    CHECK(wait_until(again));
  }
  CHECK(again());
}
