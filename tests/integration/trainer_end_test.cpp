// The publisher library at the other end of the control connection.

#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>

#include <memory>
#include <set>
#include <string>

#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/protocol_client.h"
#include "support/wait.h"

using namespace testing_support;

namespace {

std::unique_ptr<ppo::Publisher> start(BridgeProcess& bridge, const std::string& run) {
  ppo::PublisherOptions options;
  options.endpoint = bridge.events_in();
  options.control = bridge.address("control");
  options.source = "t1";
  options.run = run;
  auto publisher = std::make_unique<ppo::Publisher>(options);
  const auto who = [run](const ppo::Command&) {
    return ppo::CommandResult::success("{\"run\":\"" + run + "\"}");
  };
  REQUIRE(publisher->on_command("who", who, ppo::CommandThread::kLibrary));
  REQUIRE(publisher->set_agents({"agent_0"}));
  return publisher;
}

// The run that carried `who` out, or why none did.
std::string who(ProtocolClient& client, const std::string& target) {
  const Json reply = client.request(R"({"action":"command","command":"who","target":")" + target +
                                    R"(","deadline_ms":10000})");
  return reply.string("/status") == "error" ? reply.string("/data/error_type")
                                            : reply.string("/result/run");
}

}  // namespace

TEST_CASE("trainer's end: two processes of one name are each reached by their run") {
  BridgeProcess bridge;
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register","subscriptions":["system_status","tick"],)"
                 R"("filter":{"source":["ppo-bridge","t1"]}})");
  const auto first = start(bridge, "a1");
  REQUIRE(wait_until([&] { return who(client, "t1") == "a1"; }));
  auto second = start(bridge, "b2");
  REQUIRE(wait_until([&] { return who(client, "t1") == "ambiguous_target"; }));
  // A hello may be said before an agent is.
  REQUIRE(wait_until([&] { return who(client, "agent_0") == "ambiguous_target"; }));
  const std::string refused =
      client.request(R"({"action":"command","command":"who","target":"agent_0"})")
          .string("/data/message");
  CHECK(refused.find("t1@a1/agent_0, t1@b2/agent_0") != std::string::npos);
  for (const std::string run : {"a1", "b2"}) {
    CHECK(who(client, "t1@" + run) == run);
    CHECK(who(client, "t1@" + run + "/agent_0") == run);
  }
  Json told = client.next_event();
  while (told.string("/data/status") != "source_conflict") told = client.next_event();
  CHECK(told.string("/data/source") == "t1");
  CHECK(told.size("/data/runs") == 2);

  // Events of both go on.
  REQUIRE(first->publish("tick", R"({"n":1})"));
  REQUIRE(second->publish("tick", R"({"n":2})"));
  std::set<std::string> runs;
  while (runs.size() < 2) {
    const Json event = client.next_event();
    if (event.string("/type") == "tick") runs.insert(event.string("/run"));
  }
  second.reset();
  REQUIRE(wait_until([&] { return who(client, "t1") == "a1"; }));
  CHECK(who(client, "t1/agent_0") == "a1");
  CHECK(who(client, "t1@b2") == "unknown_target");
}

TEST_CASE("trainer's end: nothing on the events socket takes its commands away") {
  BridgeProcess bridge;
  ProtocolClient client(bridge.websocket());
  const auto trainer = start(bridge, "a1");
  REQUIRE(wait_until([&] { return who(client, "t1") == "a1"; }));
  EventPublisher stray(bridge.events_in());
  for (int i = 0; i < 5; ++i) {
    REQUIRE(stray.publish(
        R"({"type":"_source","source":"t1","run":"X","data":{"head":0,"oldest":1}})"));
    REQUIRE(stray.publish(R"({"type":"stray","data":{},"source":"t1","run":"Y","source_seq":1})"));
  }
  REQUIRE(wait_until([&] {
    return client.request(R"({"action":"command","command":"get_event_types"})")
               .text()
               .find("stray") != std::string::npos;
  }));
  CHECK(who(client, "t1") == "a1");
  CHECK(who(client, "agent_0") == "a1");
}
