// One client that stops reading, among many, under load.

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "support/bridge_process.h"
#include "support/event_publisher.h"
#include "support/process.h"
#include "support/protocol_client.h"

using namespace testing_support;

TEST_CASE("slow: one that stops reading costs the others nothing and memory stays flat") {
  BridgeOptions options;
  options.settings = {"history.events_max=5000"};
  BridgeProcess bridge(options);
  WebSocketOptions small;
  small.receive_buffer_bytes = 4096;
  ProtocolClient slow(bridge.websocket(), small);
  slow.request(R"({"action":"register"})");

  constexpr int kClients = 99;
  constexpr std::int64_t kEvents = 20'000;
  const std::string padding(500, 'x');
  std::vector<ProtocolClient> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back(bridge.websocket());
    clients.back().request(R"({"action":"register"})");
  }
  // Each of the 99 counts; a gap, a hole or a double ends its counting.
  std::atomic<int> whole{0};
  std::vector<std::atomic<std::int64_t>> seen(kClients);
  std::vector<std::thread> readers;
  constexpr int kReaders = 3;
  for (int r = 0; r < kReaders; ++r) {
    readers.emplace_back([&, r] {
      std::vector<std::int64_t> next(kClients, 1);
      for (std::int64_t done = 0; done < kEvents; ++done) {
        for (int c = r; c < kClients; c += kReaders) {
          const auto text = clients[static_cast<std::size_t>(c)].connection().receive_text();
          if (!text) return;
          auto& expected = next[static_cast<std::size_t>(c)];
          if (text->find(",\"seq\":" + std::to_string(expected)) == std::string::npos) return;
          seen[static_cast<std::size_t>(c)] = expected++;
        }
      }
      for (int c = r; c < kClients; c += kReaders) ++whole;
    });
  }

  EventPublisher publisher(bridge.events_in());
  const auto slowest = [&] {
    std::int64_t least = kEvents;
    for (const auto& s : seen) least = std::min(least, s.load());
    return least;
  };
  std::uint64_t early_rss = 0;
  std::uint64_t late_rss = 0;
  for (std::int64_t n = 1; n <= kEvents; ++n) {
    // As far ahead as the history reaches back would be the test's fault, not the bridge's.
    if (n % 500 == 0) REQUIRE(wait_until([&] { return n - slowest() < 2500; }, milliseconds{60'000}));
    REQUIRE(publisher.publish(event_body(
        "t", R"({"n":)" + std::to_string(n) + R"(,"p":")" + padding + "\"}")));
    if (n == kEvents / 2) early_rss = resident_bytes(bridge.process().pid());
    if (n == kEvents) late_rss = resident_bytes(bridge.process().pid());
  }
  for (auto& reader : readers) reader.join();
  CHECK(whole == kClients);
  // Sanitizers keep freed memory for a while, so there it says nothing.
  if (!PPO_SANITIZED) CHECK(late_rss < early_rss + (8u << 20));

  // It reads again: first what was under way to it, then a gap, then the newest, without holes.
  std::int64_t expected = 1;
  bool gap_seen = false;
  while (expected <= kEvents) {
    const Json message = slow.next_message();
    if (!message.has("/seq")) {
      REQUIRE_FALSE(gap_seen);
      gap_seen = true;
      CHECK(message.string("/type") == "gap");
      CHECK(message.string("/data/reason") == "slow_client");
      CHECK(message.integer("/data/from_seq") == expected);
      expected = message.integer("/data/to_seq") + 1;
      continue;
    }
    REQUIRE(message.integer("/seq") == expected++);
  }
  CHECK(gap_seen);
  CHECK(slow.request(R"({"action":"ping"})").string("/status") == "pong");
}

TEST_CASE("slow: events and answers to pings between them are whole, where the socket takes a part at a time") {
  BridgeProcess bridge;
  WebSocketOptions small;
  small.receive_buffer_bytes = 4096;
  ProtocolClient client(bridge.websocket(), small);
  client.request(R"({"action":"register"})");
  RawWebSocket& socket = client.connection();
  EventPublisher publisher(bridge.events_in());
  constexpr int kBursts = 12;
  constexpr int kMessages = 20;
  constexpr int kEvents = 15;
  const std::string padding(20'000, 'x');
  const std::vector<std::string> bodies(kEvents, event_body("t", R"({"p":")" + padding + "\"}"));
  std::int64_t seq = 0;
  std::size_t pongs = 0;
  for (int burst = 1; burst <= kBursts; ++burst) {
    for (int i = 0; i < kMessages; ++i) REQUIRE(publisher.publish_batch(bodies));
    while (seq < std::int64_t{burst} * kMessages * kEvents) {
      for (int i = 0; i < 5; ++i) REQUIRE(socket.send_ping("still there?"));
      const auto frame = socket.receive_frame();
      REQUIRE(frame);
      if (frame->opcode == Opcode::kPong) {
        REQUIRE(frame->payload == "still there?");
        ++pongs;
        continue;
      }
      REQUIRE(frame->opcode == Opcode::kText);
      const Json event(frame->payload);
      REQUIRE(event.integer("/seq") == ++seq);
      REQUIRE(event.string("/data/p") == padding);
    }
  }
  CHECK(pongs > kBursts);
}
