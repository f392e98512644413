// Events through the real program: the wire's form, order, filters, resuming.

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <zmq.hpp>

#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/protocol_client.h"

using namespace testing_support;

namespace {

std::string numbered(int n, const std::string& type = "tick") {
  return event_body(type, R"({"n":)" + std::to_string(n) + "}", "s", "r",
                    static_cast<std::uint64_t>(n));
}

}  // namespace

TEST_CASE("delivery: an event arrives in the contract's form, its data byte for byte") {
  BridgeProcess bridge;
  ProtocolClient client(bridge.websocket());
  CHECK(client.welcome().string("/type") == "system_status");
  CHECK(client.welcome().string("/data/status") == "connected");
  CHECK(client.welcome().integer("/data/protocol") == 1);
  const std::string epoch = client.welcome().string("/data/epoch");
  const Json registered = client.request(R"({"action":"register","id":1})");
  CHECK(registered.string("/status") == "registered");
  CHECK(registered.string("/epoch") == epoch);

  EventPublisher publisher(bridge.events_in());
  REQUIRE(publisher.publish("trade_executed/trainer-1/",
                            R"({"type":"trade_executed","data":{"price": 9007199254740993,)"
                            R"( "x":1e400,"name":"Ros\u00e9 é"},"timestamp":1619395200.25,)"
                            R"("source":"trainer-1","run":"k3f9a2","source_seq":42})"));
  // As text: no JSON library here holds 1e400.
  const std::string text = client.connection().receive_text().value();
  CHECK(text.find(R"({"type":"trade_executed","data":{"price": 9007199254740993, "x":1e400,)"
                  R"("name":"Ros\u00e9 é"},"timestamp":)") == 0);
  CHECK(text.find(R"(,"seq":1,"source":"trainer-1","run":"k3f9a2","source_seq":42,)"
                  R"("source_timestamp":1619395200.25})") != std::string::npos);
}

TEST_CASE("delivery: batches and single events come in order, each once, to every client") {
  BridgeProcess bridge;
  std::vector<ProtocolClient> clients;
  for (int i = 0; i < 10; ++i) {
    clients.emplace_back(bridge.websocket());
    clients.back().request(R"({"action":"register"})");
  }
  EventPublisher publisher(bridge.events_in());
  int n = 0;
  while (n < 5000) {
    std::vector<std::string> batch;
    for (int i = 0; i < 1 + n % 7; ++i) batch.push_back(numbered(++n));
    REQUIRE(publisher.publish_batch(batch));
  }
  for (auto& client : clients) {
    for (int i = 1; i <= n; ++i) {
      const Json event = client.next_event();
      REQUIRE(event.integer("/seq") == i);
      REQUIRE(event.integer("/data/n") == i);
    }
  }
}

TEST_CASE("delivery: a bot gets what comes from when it listens on, and nothing of before") {
  BridgeProcess bridge;
  EventPublisher publisher(bridge.events_in());
  for (int n = 1; n <= 5; ++n) REQUIRE(publisher.publish(numbered(n)));
  ProtocolClient client(bridge.websocket());
  const auto bots = [&](const std::string& counter) {
    return client.request(R"({"action":"command","command":"get_status"})").integer("/result/bots/" + counter);
  };
  zmq::context_t context;
  zmq::socket_t bot(context, zmq::socket_type::sub);
  bot.connect(bridge.address("events_out"));
  bot.set(zmq::sockopt::subscribe, "");
  bot.set(zmq::sockopt::rcvtimeo, 20);
  int n = 5;
  zmq::message_t frame;
  REQUIRE(wait_until([&] {
    REQUIRE(publisher.publish(numbered(++n)));
    return bot.recv(frame).has_value();
  }));
  REQUIRE(frame.more());
  REQUIRE(bot.recv(frame));
  CHECK(Json(frame.to_string()).integer("/seq") > 5);
  CHECK(bots("events_missed") == 0);
}

TEST_CASE("delivery: subscriptions and filters pass what they should") {
  BridgeProcess bridge;
  ProtocolClient types(bridge.websocket()), prefix(bridge.websocket()), items(bridge.websocket());
  types.request(R"({"action":"register","subscriptions":["b"]})");
  prefix.request(R"({"action":"register","subscriptions":["order_*"]})");
  items.request(R"({"action":"register","filter":{"item":["Coal","Zulrah's scales"],)"
                R"("profit":{"min":10}}})");
  EventPublisher publisher(bridge.events_in());
  REQUIRE(publisher.publish(R"({"type":"a","data":{"item":"Coal","profit":10}})"));
  REQUIRE(publisher.publish(R"({"type":"b","data":{"item":"Zulrah\u0027s scales","profit":11.5}})"));
  REQUIRE(publisher.publish(R"({"type":"order_x","data":{"item":"Coal","profit":9}})"));
  REQUIRE(publisher.publish(R"({"type":"order_y","data":{"item":"Shark","profit":99}})"));
  CHECK(types.next_event().integer("/seq") == 2);
  CHECK(prefix.next_event().integer("/seq") == 3);
  CHECK(prefix.next_event().integer("/seq") == 4);
  CHECK(items.next_event().integer("/seq") == 1);
  CHECK(items.next_event().integer("/seq") == 2);
  CHECK_FALSE(items.try_next_message(milliseconds{100}));
}

TEST_CASE("delivery: a client that is cut off under load resumes without hole or double") {
  BridgeProcess bridge;
  EventPublisher publisher(bridge.events_in());
  std::string epoch;
  std::int64_t seen = 0;
  int published = 0;
  for (int round = 0; round < 20; ++round) {
    ProtocolClient client(bridge.websocket());
    epoch = client.welcome().string("/data/epoch");
    const Json reply = client.request(R"({"action":"register","since":{"epoch":")" + epoch +
                                      R"(","seq":)" + std::to_string(seen) + "}}");
    CHECK(reply.boolean("/recovered"));
    for (int i = 0; i < 500; ++i) REQUIRE(publisher.publish(numbered(++published)));
    for (int i = 0; i < 300; ++i) REQUIRE(client.next_event().integer("/seq") == ++seen);
  }
  ProtocolClient last(bridge.websocket());
  last.request(R"({"action":"register","since":{"epoch":")" + epoch + R"(","seq":)" +
               std::to_string(seen) + "}}");
  while (seen < published) REQUIRE(last.next_event().integer("/seq") == ++seen);
}

TEST_CASE("delivery: what the history no longer holds is a gap message, right after the reply") {
  BridgeOptions options;
  options.settings = {"history.events_max=100"};
  BridgeProcess bridge(options);
  EventPublisher publisher(bridge.events_in());
  for (int n = 1; n <= 1000; ++n) REQUIRE(publisher.publish(numbered(n)));
  ProtocolClient watcher(bridge.websocket());
  REQUIRE(wait_until([&] {
    return watcher.request(R"({"action":"ping"})").text().size() > 0 &&
           watcher.request(R"({"action":"command","command":"get_status"})")
                   .integer("/result/seq") == 1000;
  }));
  ProtocolClient client(bridge.websocket());
  const Json reply =
      client.request(R"({"action":"subscribe","subscriptions":["*"],"since":{"epoch":")" +
                     client.welcome().string("/data/epoch") + R"(","seq":4}})");
  CHECK_FALSE(reply.boolean("/recovered"));
  const Json gap = client.next_message();
  CHECK(gap.string("/type") == "gap");
  CHECK(gap.string("/data/reason") == "evicted");
  CHECK(gap.integer("/data/from_seq") == 5);
  for (std::int64_t seq = gap.integer("/data/to_seq") + 1; seq <= 1000; ++seq) {
    REQUIRE(client.next_event().integer("/seq") == seq);
  }
}

TEST_CASE("delivery: [events] connect reaches a source that binds") {
  zmq::context_t context;
  zmq::socket_t socket(context, zmq::socket_type::xpub);
  socket.set(zmq::sockopt::linger, 0);
  socket.bind("tcp://127.0.0.1:*");
  BridgeOptions options;
  options.settings = {"events.connect=" + socket.get(zmq::sockopt::last_endpoint)};
  BridgeProcess bridge(options);
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register"})");
  socket.set(zmq::sockopt::rcvtimeo, 15'000);
  zmq::message_t subscription;
  REQUIRE(socket.recv(subscription));
  socket.send(zmq::buffer(numbered(1)), zmq::send_flags::none);
  CHECK(client.next_event().integer("/data/n") == 1);
}
