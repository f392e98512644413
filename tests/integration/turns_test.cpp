// What one of them wants never holds up the others: the loop's turns stay short.

#include <doctest/doctest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <zmq.hpp>

#include "journal_bridge.h"

using namespace testing_support;

namespace {

// Lines that cost more to refuse than to send.
std::string refused_lines(std::size_t bytes) {
  std::string lines;
  while (lines.size() < bytes) lines += "{}\n";
  return lines;
}

bool fill_history(BridgeProcess& bridge, std::int64_t events) {
  EventPublisher publisher(bridge.events_in());
  if (!publish_numbered(publisher, 1, events)) return false;
  return wait_until([&] {
    return metric(bridge, "ppo_bridge_events_accepted_total") >= static_cast<double>(events);
  });
}

// Looks on until `ended`; how often a part of the lines had been taken in, and not all.
int times_in_between(ProtocolClient& client, std::int64_t lines,
                     const std::function<bool()>& ended) {
  int times = 0;
  for (std::int64_t last = 0; !ended();) {
    const std::int64_t taken =
        client.request(R"({"action":"command","command":"get_status"})")
            .integer("/result/events/received");
    if (taken != last && taken < lines) ++times;
    last = taken;
  }
  return times;
}

constexpr const char* kNeverWas =
    R"({"action":"command","command":"get_recent_events","params":{"item":"Never was"}})";

}  // namespace

TEST_CASE("turns: since.last steps over a jump of the numbers, with a filter and without") {
  ScratchDirectory directory;
  const BridgeOptions options = with_journal(directory.file("j"));
  {
    auto first = std::make_unique<BridgeProcess>(options);
    BridgeProcess second(options);  // cannot see how far the first will come: numbers by the time
    REQUIRE(fill_history(*first, 50));
    REQUIRE(wait_rows(*first, 50));
    CHECK(first->stop() == 0);
    first.reset();
    REQUIRE(wait_until([&] { return metric(second, "ppo_bridge_journal_writing") == 1; }));
    REQUIRE(fill_history(second, 15));
    REQUIRE(wait_rows(second, 15));
    CHECK(second.stop() == 0);
  }
  BridgeProcess third(options);
  for (const char* const wants : {R"("subscriptions":["ten"])", R"("filter":{"n":[10,20,30,40]})"}) {
    CAPTURE(wants);
    ProtocolClient client(third.websocket());
    const Json reply = client.request(R"({"action":"register",)" + std::string(wants) +
                                      R"(,"since":{"last":4}})");
    CHECK(reply.string("/status") == "registered");
    std::int64_t events = 0;
    for (std::int64_t n = 0; n != 10 || events < 4;) {
      const Json message = client.next_message();
      if (!message.has("/seq")) continue;  // the numbers between are a gap
      ++events;
      n = message.integer("/data/n");
    }
    CHECK(events == 4);
  }
}

TEST_CASE("turns: looks through the whole history are charged to the client who asks for them") {
  BridgeProcess bridge;
  REQUIRE(fill_history(bridge, 60'000));
  ProtocolClient greedy(bridge.websocket());
  ProtocolClient other(bridge.websocket());
  for (int i = 0; i < 1000; ++i) REQUIRE(greedy.connection().send_text(kNeverWas));
  for (int i = 0; i < 100; ++i) {
    CHECK(other.request(R"({"action":"ping"})").string("/status") == "pong");
  }
  int refused = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto text = greedy.connection().receive_text();
    REQUIRE(text);
    if (Json(*text).has("/data/error_type")) ++refused;
  }
  CHECK(refused > 500);
  CHECK(other.request(kNeverWas).string("/status") == "command_result");
}

TEST_CASE("turns: looks through the whole history are charged to the bot who asks for them") {
  BridgeProcess bridge;
  REQUIRE(fill_history(bridge, 60'000));
  ProtocolClient other(bridge.websocket());
  zmq::context_t context;
  zmq::socket_t dealer(context, zmq::socket_type::dealer);
  dealer.set(zmq::sockopt::linger, 0);
  dealer.set(zmq::sockopt::rcvtimeo, 60'000);
  dealer.connect(bridge.address("commands"));
  const std::string request =
      R"({"id":7,"command":"get_recent_events","params":{"item":"Never was"}})";
  for (int i = 0; i < 900; ++i) dealer.send(zmq::buffer(request), zmq::send_flags::none);
  for (int i = 0; i < 100; ++i) {
    CHECK(other.request(R"({"action":"ping"})").string("/status") == "pong");
  }
  int refused = 0;
  for (int i = 0; i < 900; ++i) {
    zmq::message_t reply;
    REQUIRE(dealer.recv(reply));
    const Json json(reply.to_string());
    CHECK(json.integer("/id") == 7);
    if (json.has("/data/error_type")) ++refused;
  }
  CHECK(refused > 450);
}

TEST_CASE("turns: a large POST is taken in between what the others want") {
  BridgeProcess bridge;
  ProtocolClient other(bridge.websocket());
  const std::string lines = refused_lines(4 << 20);
  TcpSocket socket = TcpSocket::connect(bridge.websocket());
  REQUIRE(socket.send_all(http_request(bridge.websocket(), "POST", "/submit_event", {},
                                       lines + event_body("last"))));
  std::string reply;
  const auto count = static_cast<std::int64_t>(lines.size() / 3);
  CHECK(times_in_between(other, count, [&] {
          return socket.receive(reply, milliseconds(0)) != TcpSocket::Read::kTimeout;
        }) >= 5);
  CHECK(reply.find(" 200 ") != std::string::npos);
  CHECK(reply.find(R"("accepted":1,"rejected":)" + std::to_string(count)) != std::string::npos);
}

TEST_CASE("turns: a large batch of a publisher is taken in between what the others want, in order") {
  BridgeProcess bridge;
  ProtocolClient other(bridge.websocket());
  ProtocolClient reader(bridge.websocket());
  reader.request(R"({"action":"register"})");
  const std::string lines = refused_lines(4 << 20);
  EventPublisher publisher(bridge.events_in());
  REQUIRE(publisher.publish(event_body("a") + "\n" + lines + event_body("b")));
  REQUIRE(publisher.publish(event_body("c")));
  CHECK(reader.next_event().string("/type") == "a");
  std::optional<Json> event;
  CHECK(times_in_between(other, static_cast<std::int64_t>(lines.size() / 3), [&] {
          event = reader.try_next_message(milliseconds(0));
          return event.has_value();
        }) >= 5);
  CHECK(event->string("/type") == "b");
  CHECK(reader.next_event().string("/type") == "c");
}
