// Replies that are written in steps, while those who asked for them leave, do not read, or ask for more.

#include <doctest/doctest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <zmq.hpp>

#include "little_memory.h"
#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/protocol_client.h"

using namespace testing_support;

namespace {

constexpr int kThings = 20'000;

std::string command(const std::string& name, const std::string& more = {}) {
  return R"({"action":"command","command":")" + name + "\"" + more + "}";
}

Json status(ProtocolClient& client) { return client.request(command("get_status")); }

void publish_things(BridgeProcess& bridge, ProtocolClient& client) {
  EventPublisher publisher(bridge.events_in());
  for (int n = 0; n < kThings;) {
    std::vector<std::string> batch;
    for (int i = 0; i < 100; ++i, ++n) batch.push_back(event_body("t", R"({"item":")" + std::to_string(n) + "\"}"));
    REQUIRE(publisher.publish_batch(batch));
  }
  REQUIRE(wait_until([&] { return status(client).integer("/result/seq") >= kThings; }));
}

// A bot that asks and is gone.
void ask_as_bot_and_leave(const std::string& address) {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::req);
  socket.set(zmq::sockopt::linger, 100);
  socket.connect(address);
  socket.send(zmq::str_buffer(R"({"command":"get_snapshot"})"), zmq::send_flags::none);
}

}  // namespace

TEST_CASE("long replies: who leaves in the middle, or does not read, costs nobody else an answer, and memory for no longer") {
  BridgeProcess bridge(little_memory());
  ProtocolClient honest(bridge.websocket());
  publish_things(bridge, honest);
  WebSocketOptions slow;
  slow.receive_buffer_bytes = 4096;
  std::vector<RawWebSocket> silent;
  EventPublisher publisher(bridge.events_in());
  for (int round = 0; round < 6; ++round) {
    silent.push_back(RawWebSocket::connect(bridge.websocket(), slow));
    (void)silent.back().send_text(command("get_snapshot"));
    std::vector<RawWebSocket> leaving;
    for (int i = 0; i < 4; ++i) {
      leaving.push_back(RawWebSocket::connect(bridge.websocket()));
      for (const char* const name : {"get_snapshot", "get_recent_events", "get_clients"}) {
        (void)leaving.back().send_text(command(name, R"(,"params":{"count":10000})"));
      }
    }
    ask_as_bot_and_leave(bridge.address("commands"));
    leaving.clear();
    REQUIRE(publisher.publish(event_body("t", R"({"item":"0"})")));
    // Each request of an honest one gets one answer, whatever it says, and in the end the one that was wanted.
    const std::string id = R"(,"id":)" + std::to_string(round);
    REQUIRE(honest.connection().send_text(command("get_snapshot", id)));
    const Json first = honest.request(command("get_status", R"(,"id":"s")"));
    const bool in_order = first.dump("/id") == std::to_string(round);
    const Json second(honest.connection().receive_text().value());
    const Json& snapshot = in_order ? first : second;
    CHECK(snapshot.dump("/id") == std::to_string(round));
    CHECK((in_order ? second : first).dump("/id") == R"("s")");
    if (snapshot.has("/data/error_type")) CHECK(snapshot.string("/data/error_type") == "busy");
    CHECK(wait_until([&] {
      const Json again = honest.request(command("get_snapshot"));
      return again.has("/result/count") && again.integer("/result/count") == kThings;
    }));
  }
  // What was being written for those who left is free again.
  CHECK(wait_until([&] { return status(honest).integer("/result/memory/queues/requests/bytes") < 64 * 1024; }));
  CHECK(wait_until([&] { return status(honest).integer("/result/memory/queues/bot_replies/bytes") == 0; }));
  // Who did not read finds his reply where it was, as far as he was not cut off for it.
  const std::optional<std::string> late = silent.back().receive_text();
  REQUIRE(late);
}
