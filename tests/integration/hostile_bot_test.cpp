// What a bot, or a source, may cost the bridge and the others over ZeroMQ.

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <zmq.hpp>

#include "little_memory.h"
#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/protocol_client.h"
#include "support/tcp_socket.h"

using namespace testing_support;

namespace {

struct Queue {
  std::int64_t bytes;
  std::int64_t bytes_max;
  std::int64_t refused;
};

Queue queue(ProtocolClient& client, const std::string& name) {
  const Json status = client.request(R"({"action":"command","command":"get_status"})");
  const std::string at = "/result/memory/queues/" + name;
  return {status.integer(at + "/bytes"), status.integer(at + "/bytes_max"),
          status.integer(at + "/refused")};
}

// A socket of a context of its own, so that it has an I/O thread of its own.
struct Bot {
  Bot(zmq::socket_type type, const std::string& address, bool reads = true) : socket(context, type) {
    socket.set(zmq::sockopt::linger, 0);
    socket.set(zmq::sockopt::sndhwm, 0);
    socket.set(zmq::sockopt::rcvtimeo, static_cast<int>(kPatience.count()));
    if (!reads) {
      socket.set(zmq::sockopt::rcvhwm, 1);
      socket.set(zmq::sockopt::rcvbuf, 4096);
    }
    socket.connect(address);
  }
  std::string receive() {
    zmq::message_t frame;
    do {
      REQUIRE(socket.recv(frame));
    } while (frame.more());
    return frame.to_string();
  }

  zmq::context_t context;
  zmq::socket_t socket;
};

// What a PUB, a SUB or a DEALER says first in ZMTP 3.0, far enough to be listened to (rfc.zeromq.org/spec/23).
std::string hello_of(const std::string& kind) {
  std::string greeting("\xFF\0\0\0\0\0\0\0\1\x7F\3\0NULL", 16);
  greeting.resize(64);
  const std::string ready = std::string("\5READY\xBSocket-Type\0\0\0", 21) + static_cast<char>(kind.size()) + kind;
  return greeting + "\4" + static_cast<char>(ready.size()) + ready;
}

// Subscriptions to 900 topics of 400 bytes that no other has.
std::string subscriptions(int bot) {
  std::string all;
  for (int i = 0; i < 900; ++i) {
    std::string topic = "\1" + std::to_string(bot) + "-" + std::to_string(i);
    topic.resize(401, 'q');
    all += std::string("\2\0\0\0\0\0\0\1\x91", 9) + topic;
  }
  return all;
}

// Bots that come on and on, each with hundreds of topics, of whom 150 stay.
class Flood {
 public:
  explicit Flood(const std::string& address) : thread_([this, address] { run(address); }) {}
  ~Flood() {
    on_ = false;
    thread_.join();
  }

 private:
  void run(const std::string& address) {
    std::deque<TcpSocket> bots;
    for (int bot = 0; on_; ++bot) {
      try {
        bots.push_back(TcpSocket::connect(parse_address(address), milliseconds(200)));
        std::string hello;
        (void)bots.back().send_all(hello_of("SUB"), milliseconds(200));
        // All at once would be no handshake to libzmq.
        while (hello.size() <= 64 && bots.back().receive(hello, milliseconds(200)) == TcpSocket::Read::kData) {
        }
        (void)bots.back().send_all(subscriptions(bot), milliseconds(200));
      } catch (const std::system_error&) {
        std::this_thread::yield();  // the bridge has gone
      }
      if (bots.size() > 150) bots.pop_front();
    }
  }

  std::atomic<bool> on_{true};
  std::thread thread_;
};

const std::string kLarge = R"({"type":"t","data":{"x":")" + std::string(60'000, 'x') + "\"}}";
const std::string kWish = R"({"command":"get_recent_events","params":{"count":60}})";

}  // namespace

TEST_CASE("hostile bot: too many topics cost the bot that asks for them its connection") {
  BridgeProcess bridge(little_memory());
  ProtocolClient client(bridge.websocket());
  EventPublisher publisher(bridge.events_in());
  Bot honest(zmq::socket_type::sub, bridge.address("events_out"));
  honest.socket.set(zmq::sockopt::subscribe, "t/");
  REQUIRE(wait_until([&] { return queue(client, "bot_topics").bytes > 0; }));
  const std::int64_t one = queue(client, "bot_topics").bytes;
  std::uint64_t seen = 0;
  {
    Bot greedy(zmq::socket_type::sub, bridge.address("events_out"));
    std::int64_t most = 0;
    for (int i = 0; i < 20'000; ++i) {
      greedy.socket.set(zmq::sockopt::subscribe, "made/up/" + std::to_string(i) + std::string(static_cast<std::size_t>(i % 200), 'x'));
      if (i % 1000 != 0) continue;
      most = std::max(most, queue(client, "bot_topics").bytes);
      REQUIRE(publisher.publish(event_body("t")));
      CHECK(Json(honest.receive()).integer("/seq") == static_cast<std::int64_t>(++seen));
    }
    CHECK(wait_until([&] { return queue(client, "bot_topics").refused > 0; }));
    const Queue topics = queue(client, "bot_topics");
    CHECK(std::max(most, topics.bytes) <= 3 * topics.bytes_max);  // of 100 MB
  }
  CHECK(wait_until([&] { return queue(client, "bot_topics").bytes == one; }));
  REQUIRE(publisher.publish(event_body("t")));
  CHECK(Json(honest.receive()).integer("/seq") == static_cast<std::int64_t>(++seen));
}

TEST_CASE("hostile bot: unread replies are bounded a bot and over all of them") {
  BridgeProcess bridge(little_memory());
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register"})");
  EventPublisher publisher(bridge.events_in());
  for (int i = 0; i < 60; ++i) REQUIRE(publisher.publish(kLarge));
  for (int i = 0; i < 60; ++i) client.next_event();
  Bot honest(zmq::socket_type::req, bridge.address("commands"));
  std::vector<std::unique_ptr<Bot>> greedy;
  std::int64_t most = 0;
  for (int i = 0; i < 6; ++i) {
    greedy.push_back(std::make_unique<Bot>(zmq::socket_type::dealer, bridge.address("commands"), false));
    for (int k = 0; k < 20; ++k) {
      REQUIRE(greedy.back()->socket.send(zmq::buffer(kWish), zmq::send_flags::none));
    }
    REQUIRE(honest.socket.send(zmq::buffer(kWish), zmq::send_flags::none));
    CHECK(Json(honest.receive()).integer("/result/count") == 60);
    most = std::max(most, queue(client, "bot_replies").bytes);
  }
  CHECK(wait_until([&] { return queue(client, "bot_replies").refused > 0; }));
  CHECK(most <= queue(client, "bot_replies").bytes_max + 2 * 60 * 61'000);
  greedy.clear();
  CHECK(wait_until([&] { return queue(client, "bot_replies").bytes == 0; }));
}

TEST_CASE("hostile bot: of bots that do not read the slowest goes, and who reads misses nothing") {
  BridgeProcess bridge(little_memory());
  ProtocolClient client(bridge.websocket());
  EventPublisher publisher(bridge.events_in());
  Bot honest(zmq::socket_type::sub, bridge.address("events_out"));
  honest.socket.set(zmq::sockopt::subscribe, "t/");
  std::vector<std::unique_ptr<Bot>> asleep;
  for (int i = 0; i < 3; ++i) {
    asleep.push_back(std::make_unique<Bot>(zmq::socket_type::sub, bridge.address("events_out"), false));
    asleep.back()->socket.set(zmq::sockopt::subscribe, "");
  }
  REQUIRE(wait_until([&] { return queue(client, "bot_topics").bytes > 2000; }));
  std::int64_t most = 0;
  std::uint64_t seen = 0;
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(publisher.publish(kLarge));
    CHECK(Json(honest.receive()).integer("/seq") == static_cast<std::int64_t>(++seen));
    if (i % 20 == 0) most = std::max(most, queue(client, "bot_events").bytes);
  }
  const Queue events = queue(client, "bot_events");
  CHECK(most <= 2 * events.bytes_max);  // of 60 MB; what is cut off takes a moment to be freed
  CHECK(events.refused > 0);
}

TEST_CASE("hostile bot: while bots come on and on with many topics no turn of the loop is long, and it ends") {
  BridgeProcess bridge;
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register"})");
  EventPublisher publisher(bridge.events_in());
  Bot honest(zmq::socket_type::sub, bridge.address("events_out"));
  honest.socket.set(zmq::sockopt::subscribe, "t/");
  REQUIRE(wait_until([&] { return queue(client, "bot_topics").bytes > 0; }));
  auto flood = std::make_unique<Flood>(bridge.address("events_out"));
  REQUIRE(wait_until([&] { return queue(client, "bot_topics").bytes > 100'000; }));
  Bot late(zmq::socket_type::sub, bridge.address("events_out"));
  late.socket.set(zmq::sockopt::subscribe, "t/");
  late.socket.set(zmq::sockopt::rcvtimeo, 0);
  std::int64_t sent = 0;
  for (const Deadline end(milliseconds(3'000)); !end.passed();) {
    REQUIRE(publisher.publish(event_body("t")));
    CHECK(client.next_event().integer("/seq") == ++sent);
  }
  const Json status = client.request(R"({"action":"command","command":"get_status"})");
  MESSAGE("longest turn, of the processor: " << status.integer("/result/loop/turn_cpu_us_max") << " us; " << sent << " events; held off "
                                             << status.integer("/result/bots/held_off"));
  if (status.integer("/result/loop/turns_cpu_long") > 0) {  // what the turn did, where that is known
    MESSAGE(client.request(R"({"action":"command","command":"get_slow_turns"})").text());
  }
#if defined(NDEBUG) && !PPO_SANITIZED
  CHECK(status.integer("/result/loop/turns_cpu_long") <= 2);  // what a virtual machine is not given counts, too
#endif
  // It may have been disconnected by what watches the memory; then it comes again, as who comes during the flood.
  flood.reset();
  honest.socket.set(zmq::sockopt::rcvtimeo, 50);
  std::int64_t seen = 0;
  bool late_is_in = false;
  const auto asked = std::chrono::steady_clock::now();
  CHECK(wait_until([&] {
    CHECK(publisher.publish(event_body("t")));
    for (zmq::message_t frame; late.socket.recv(frame);) {
      if (!frame.more()) late_is_in |= Json(frame.to_string()).integer("/seq") > sent;
    }
    for (zmq::message_t frame; honest.socket.recv(frame);) {
      if (frame.more()) continue;
      const std::int64_t seq = Json(frame.to_string()).integer("/seq");
      CHECK(seq > seen);
      seen = seq;
    }
    return seen > sent && late_is_in;
  }, milliseconds{30'000}));  // libzmq lets go of those who flooded one by one
  MESSAGE("back after " << std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - asked).count() << " ms");
  flood = std::make_unique<Flood>(bridge.address("events_out"));
  REQUIRE(wait_until([&] { return queue(client, "bot_topics").bytes > 100'000; }));
  CHECK(bridge.stop() == 0);
}

#if !PPO_SANITIZED  // whose allocators do not tell what they have given out

namespace {

TcpSocket raw_peer(const std::string& address, const std::string& type) {
  TcpSocket socket = TcpSocket::connect(parse_address(address));
  REQUIRE(socket.send_all(hello_of(type)));
  return socket;
}

std::string part_of_more(std::size_t size) {
  std::string part = "\3";  // long, and more to come
  for (int shift = 56; shift >= 0; shift -= 8) part += static_cast<char>((size >> shift) & 0xFF);
  return part + std::string(size, 'x');
}

}  // namespace

TEST_CASE("hostile source: a message that never ends holds nothing, delays nobody and costs its sender the connection") {
  BridgeProcess bridge(little_memory());
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register"})");
  EventPublisher publisher(bridge.events_in());
  const std::uint64_t before = resident_bytes(bridge.process().pid());
  std::int64_t seen = 0;
  int cut = 0;
  for (const std::string& part : {part_of_more(500'000), part_of_more(1), part_of_more(0)}) {
    auto endless = std::make_unique<TcpSocket>(raw_peer(bridge.events_in(), "PUB"));
    for (int sent = 0; sent < 300; ++sent) {
      if (!endless->send_all(part)) {
        endless = std::make_unique<TcpSocket>(raw_peer(bridge.events_in(), "PUB"));
        ++cut;
      }
      if (sent % 10 != 0) continue;
      REQUIRE(publisher.publish(event_body("t")));
      CHECK(client.next_event().integer("/seq") == ++seen);
    }
  }
  CHECK(cut > 10);  // a message may have 1 MB
  CHECK(resident_bytes(bridge.process().pid()) < before + (8u << 20));
  CHECK(queue(client, "events_in").bytes < 200'000);
  CHECK(publisher.subscribed());
}

TEST_CASE("hostile trainer: a message that never ends costs its sender the connection") {
  BridgeProcess bridge(little_memory());
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register"})");
  EventPublisher publisher(bridge.events_in());
  const std::uint64_t before = resident_bytes(bridge.process().pid());
  const std::string part = part_of_more(1'000'000);
  std::int64_t seen = 0;
  for (int round = 0; round < 3; ++round) {
    TcpSocket endless = raw_peer(bridge.address("control"), "DEALER");
    int sent = 0;
    while (sent < 2000 && endless.send_all(part)) {
      if (++sent % 10 != 0) continue;
      REQUIRE(publisher.publish(event_body("t")));
      CHECK(client.next_event().integer("/seq") == ++seen);
    }
    CHECK(sent < 2000);
  }
  CHECK(resident_bytes(bridge.process().pid()) < before + (150u << 20));
  CHECK(queue(client, "zeromq").refused >= 3);
  CHECK(publisher.subscribed());
}

TEST_CASE("hostile source: large batches faster than they can be taken in are not gathered") {
  BridgeProcess bridge(little_memory());
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register","filter":{"source":"honest"}})");
  EventPublisher honest(bridge.events_in());
  const std::uint64_t before = resident_bytes(bridge.process().pid());
  std::string batch;
  while (batch.size() < 900'000) batch += kLarge + "\n";
  Bot greedy(zmq::socket_type::pub, bridge.events_in());
  std::uint64_t most = 0;
  for (int i = 1; i <= 200; ++i) {
    for (int k = 0; k < 10; ++k) greedy.socket.send(zmq::buffer(batch), zmq::send_flags::none);
    REQUIRE(honest.publish(event_body("t", "{}", "honest", "r", static_cast<std::uint64_t>(i))));
    CHECK(client.next_event().integer("/source_seq") == i);
    most = std::max(most, resident_bytes(bridge.process().pid()));
  }
  CHECK(most < before + (150u << 20));  // of 1.8 GB
}

TEST_CASE("hostile trainer: who holds memory by parts of a byte is not hidden by who sends more") {
  BridgeProcess bridge(little_memory());
  ProtocolClient client(bridge.websocket());
  client.request(R"({"action":"register","filter":{"source":"honest"}})");
  EventPublisher honest(bridge.events_in());
  Bot greedy(zmq::socket_type::dealer, bridge.address("control"));
  const std::string large(500'000, 'x');
  std::string parts;
  for (int i = 0; i < 20'000; ++i) parts += std::string("\1\1x", 3);
  const std::uint64_t before = resident_bytes(bridge.process().pid());
  std::int64_t seen = 0;
  for (int round = 0; round < 3; ++round) {
    TcpSocket endless = raw_peer(bridge.address("control"), "DEALER");
    int sent = 0;
    for (; sent < 400 && endless.send_all(parts); ++sent) {  // 20,000 cost the bridge more than a MB
      greedy.socket.send(zmq::buffer(large), zmq::send_flags::none);
      if (sent % 10 != 0) continue;
      REQUIRE(honest.publish(event_body("t", "{}", "honest", "r", static_cast<std::uint64_t>(++seen))));
      CHECK(client.next_event().integer("/source_seq") == seen);
    }
    CHECK(sent < 400);
    CHECK(resident_bytes(bridge.process().pid()) < before + (100u << 20));
  }
  CHECK(wait_until([&] { return queue(client, "zeromq").bytes < queue(client, "zeromq").bytes_max; }));
}

TEST_CASE("hostile bot: topics that no event has cost their sender the connection, and little memory") {
  BridgeProcess bridge(little_memory());
  ProtocolClient client(bridge.websocket());
  const std::uint64_t before = resident_bytes(bridge.process().pid());
  Bot honest(zmq::socket_type::sub, bridge.address("events_out"));
  honest.socket.set(zmq::sockopt::subscribe, std::string(64, 't') + "/" + std::string(64, 's') + "/");
  REQUIRE(wait_until([&] { return queue(client, "bot_topics").bytes > 0; }));
  // Not more: libzmq keeps them in the greedy one's own tree, too, a node a byte.
  for (const auto& [size, topics] : {std::pair<std::size_t, int>{4000, 1000}, {400, 5000}}) {
    Bot greedy(zmq::socket_type::xsub, bridge.address("events_out"));
    for (int i = 0; i < topics; ++i) {
      const std::string topic = "\1" + std::to_string(i) + std::string(size, 'x');
      greedy.socket.send(zmq::buffer(topic), zmq::send_flags::none);
      if (i % 500 == 0) (void)queue(client, "bot_topics");
    }
    for (int i = 0; i < 50; ++i) {
      CHECK(resident_bytes(bridge.process().pid()) < before + (40u << 20));  // of 160 MB
      (void)queue(client, "bot_topics");
    }
  }
  EventPublisher publisher(bridge.events_in());
  REQUIRE(publisher.publish(event_body(std::string(64, 't'), "{}", std::string(64, 's'), "r", 1)));
  CHECK(Json(honest.receive()).integer("/seq") == 1);
}

#endif
