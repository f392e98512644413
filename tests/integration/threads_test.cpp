// Clients served by several threads on one port (websocket.threads).

#include <doctest/doctest.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/http.h"
#include "support/process.h"
#include "support/protocol_client.h"

using namespace testing_support;

namespace {

BridgeOptions threaded(std::vector<std::string> settings = {}) {
  BridgeOptions options;
  options.settings = std::move(settings);
  options.settings.push_back("websocket.threads=3");
  return options;
}

using Clients = std::vector<std::unique_ptr<ProtocolClient>>;

Clients connect(const BridgeProcess& bridge, std::size_t count) {
  Clients clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<ProtocolClient>(bridge.websocket()));
    clients.back()->request(R"({"action":"register","client_id":"c)" + std::to_string(i) + "\"}");
  }
  return clients;
}

}  // namespace

TEST_CASE("threads: all clients get all events, in order, whoever serves them") {
  BridgeProcess bridge(threaded());
  Clients clients = connect(bridge, 24);
  EventPublisher publisher(bridge.events_in());
  constexpr std::int64_t kEvents = 2000;
  for (std::int64_t i = 1; i <= kEvents; ++i) {
    REQUIRE(publisher.publish(event_body("tick", "{}", "s", "r", static_cast<std::uint64_t>(i))));
  }
  std::int64_t first_seq = 0;
  for (const auto& client : clients) {
    std::int64_t next = 1;
    std::int64_t last_seq = 0;
    while (next <= kEvents) {
      const Json event = client->next_event();
      if (event.string("/type") != "tick") continue;
      REQUIRE(event.integer("/source_seq") == next);
      if (next == 1 && first_seq == 0) first_seq = event.integer("/seq");
      if (next == 1) CHECK(event.integer("/seq") == first_seq);
      if (next > 1) CHECK(event.integer("/seq") == last_seq + 1);
      last_seq = event.integer("/seq");
      ++next;
    }
  }
}

TEST_CASE("threads: get_clients, get_status and /metrics tell of all of them") {
  BridgeProcess bridge(threaded());
  Clients clients = connect(bridge, 24);
  const Json listed = clients.front()->request(R"({"action":"command","command":"get_clients"})");
  CHECK(listed.integer("/result/count") == 24);
  const Json status = clients.back()->request(R"({"action":"command","command":"get_status"})");
  CHECK(status.integer("/result/clients/connected") == 24);
  CHECK(status.integer("/result/clients/accepted") == 24);
  CHECK(status.integer("/result/requests/received") == 26);
  const std::string metrics = http(bridge.websocket(), "GET", "/metrics").body;
  CHECK(metrics.find("\nppo_bridge_clients 24\n") != std::string::npos);
  CHECK(metrics.find("\nppo_bridge_clients_accepted_total 24\n") != std::string::npos);
  // One thread alone would have one cohort; with 24 clients on three some thread has none with a
  // chance of one in 5,000.
  CHECK(metrics.find("\nppo_bridge_cohorts 3\n") != std::string::npos);
}

TEST_CASE("threads: what one client has seen another connection can resume from at once") {
  BridgeProcess bridge(threaded());
  ProtocolClient watcher(bridge.websocket());
  const std::string epoch = watcher.request(R"({"action":"register"})").string("/epoch");
  EventPublisher publisher(bridge.events_in());
  for (int i = 0; i < 200; ++i) {
    REQUIRE(publisher.publish(event_body("tick")));
    const std::string seq = std::to_string(watcher.next_event().integer("/seq"));
    ProtocolClient next(bridge.websocket());
    const Json reply = next.request(R"({"action":"register","since":{"epoch":")" + epoch +
                                    R"(","seq":)" + seq + "}}");
    REQUIRE(reply.string("/status") == "registered");
    REQUIRE(reply.boolean("/recovered"));
  }
}

TEST_CASE("threads: clients_max counts over all of them") {
  BridgeProcess bridge(threaded({"websocket.clients_max=6"}));
  Clients clients = connect(bridge, 6);
  for (int i = 0; i < 6; ++i) {
    RawWebSocket refused = RawWebSocket::connect(bridge.websocket());
    CHECK(refused.wait_close() == 1013);
  }
  clients.pop_back();
  CHECK(wait_until([&] {
    try {
      ProtocolClient again(bridge.websocket());
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  }));
}

TEST_CASE("threads: the port is shared within the bridge, not with a second one") {
  BridgeProcess bridge(threaded());
  const TcpAddress at = bridge.websocket();
  BridgeOptions second = threaded({"websocket.listen=" + at.host + ":" + std::to_string(at.port)});
  Process process(bridge_command_line(second));
  CHECK(process.wait_exit() == 1);
  CHECK(process.stderr_text().find("websocket.listen: cannot listen on") != std::string::npos);
  CHECK(http(at, "GET", "/healthz").status == 200);
}

TEST_CASE("threads: SIGTERM gives every client what there is, then 1001") {
  BridgeProcess bridge(threaded());
  Clients clients = connect(bridge, 12);
  EventPublisher publisher(bridge.events_in());
  for (int i = 0; i < 100; ++i) REQUIRE(publisher.publish(event_body("tick")));
  clients.front()->next_event();
  bridge.process().signal(SIGTERM);
  for (const auto& client : clients) CHECK(client->connection().wait_close() == 1001);
  clients.clear();
  CHECK(bridge.process().wait_exit() == 0);
}
