// A publisher and a bridge that comes, goes and returns.
#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>
#include <rapidjson/document.h>

#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "fake_bridge.h"
#include "support/wait.h"

using ppo::Publisher;
using ppo::PublisherOptions;
using ppo::test::FakeBridge;
using testing_support::wait_until;

namespace {

PublisherOptions events_to(const std::string& endpoint) {
  PublisherOptions options;
  options.endpoint = endpoint;
  options.control.clear();  // only events are looked at here
  options.source = "trainer-1";
  options.run = "k3f9a2";
  options.flush_ms = 10'000;
  return options;
}

// The numbers of the events, as they came.
std::vector<std::uint64_t> sequence(const std::vector<std::string>& events) {
  std::vector<std::uint64_t> numbers;
  for (const std::string& event : events) numbers.push_back(ppo::test::source_seq(event));
  return numbers;
}

std::vector<std::uint64_t> from_to(std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t n = from; n <= to; ++n) numbers.push_back(n);
  return numbers;
}

bool is_connected(const Publisher& publisher) {
  return publisher.stats().connected;
}

}  // namespace

TEST_CASE("publisher: the very first event arrives, in two frames, whole") {
  FakeBridge bridge;
  Publisher publisher(events_to(bridge.endpoint()));
  REQUIRE(publisher.publish(ppo::TradeExecuted{"agent_0", "buy", "Abyssal whip", 2147483647, 1,
                                               std::nan(""), 2147483647}));
  const auto message = bridge.receive();
  REQUIRE(message);
  CHECK(message->topic == "trade_executed/trainer-1/");
  rapidjson::Document event;
  event.Parse<rapidjson::kParseNanAndInfFlag>(message->body);
  REQUIRE(event.IsObject());
  CHECK(std::string(event["type"].GetString()) == "trade_executed");
  CHECK(event["data"]["price"].GetInt64() == 2147483647);
  CHECK(std::isnan(event["data"]["profit"].GetDouble()));
  CHECK(event["timestamp"].GetDouble() > 1.6e9);
  CHECK(std::string(event["source"].GetString()) == "trainer-1");
  CHECK(std::string(event["run"].GetString()) == "k3f9a2");
  CHECK(event["source_seq"].GetUint64() == 1);
  CHECK(is_connected(publisher));
}

TEST_CASE("publisher: a program that publishes and ends at once loses nothing") {
  FakeBridge bridge;
  std::thread program([&bridge] {
    Publisher publisher(events_to(bridge.endpoint()));
    for (int i = 0; i < 1000; ++i) publisher.publish("tick", "{}");
  });
  CHECK(sequence(bridge.receive_events(1000)) == from_to(1, 1000));
  program.join();
}

TEST_CASE("publisher: who subscribes to more than a bridge does gets nothing, and is tried again later") {
  FakeBridge bridge;
  for (int i = 0; i < 1500; ++i) bridge.subscribe(std::to_string(i));
  Publisher publisher(events_to(bridge.endpoint()));
  publisher.publish("tick", "{}");
  bridge.receive(std::chrono::seconds(1));  // perhaps before it was too much
  CHECK(wait_until([&] { return !is_connected(publisher); }));
  publisher.publish("tick", "{}");
  CHECK_FALSE(bridge.receive(std::chrono::seconds(1)));
  for (int i = 0; i < 1500; ++i) bridge.unsubscribe(std::to_string(i));
  CHECK(bridge.receive());
}

TEST_CASE("publisher: what waited for a bridge leaves as one message of lines, breaks flattened") {
  const std::string endpoint = ppo::test::free_endpoint();
  Publisher publisher(events_to(endpoint));
  publisher.publish("a", "{\n  \"x\": 1\n}");
  publisher.publish("b", "{}");
  publisher.publish(ppo::SystemStatus{"started", "line\nbreak"});
  FakeBridge bridge({endpoint});
  const auto message = bridge.receive();
  REQUIRE(message);
  CHECK(message->topic == "batch/trainer-1/");
  const std::vector<std::string> events = ppo::test::lines(message->body);
  CHECK(sequence(events) == from_to(1, 3));
  CHECK(events[0].find("\"data\":{   \"x\": 1 },") != std::string::npos);
  REQUIRE(wait_until([&] { return publisher.stats().sent == 3; }));
  CHECK(publisher.stats().batches == 1);
}

TEST_CASE("publisher: messages keep to their limit, and a larger event goes alone") {
  const std::string endpoint = ppo::test::free_endpoint();
  PublisherOptions options = events_to(endpoint);
  options.batch_bytes_max = 1000;
  Publisher publisher(options);
  for (int i = 0; i < 20; ++i) publisher.publish("a", "{}");
  publisher.publish("b", "{\"x\":\"" + std::string(5000, 'x') + "\"}");
  publisher.publish("a", "{}");
  FakeBridge bridge({endpoint});
  std::size_t events = 0;
  bool alone = false;
  while (events < 22) {
    const auto message = bridge.receive();
    REQUIRE(message);
    const std::size_t count = ppo::test::lines(message->body).size();
    events += count;
    if (message->body.size() > 1000) alone = count == 1 && message->topic == "b/trainer-1/";
  }
  CHECK(events == 22);
  CHECK(alone);
}

TEST_CASE("publisher: while the bridge is away events wait, and the next one gets them all") {
  FakeBridge bridge;
  const std::string endpoint = bridge.endpoint();
  Publisher publisher(events_to(endpoint));
  publisher.publish("tick", "{}");
  CHECK(sequence(bridge.receive_events(1)) == from_to(1, 1));

  for (std::uint64_t round = 0; round < 3; ++round) {
    CAPTURE(round);
    bridge.close();
    REQUIRE(wait_until([&] { return !is_connected(publisher); }));
    const std::uint64_t first = 2 + round * 100;
    for (int i = 0; i < 100; ++i) publisher.publish("tick", "{}");
    CHECK(publisher.stats().queued == 100);
    FakeBridge again({endpoint});
    CHECK(sequence(again.receive_events(100)) == from_to(first, first + 99));
    REQUIRE(wait_until([&] { return publisher.stats().queued == 0; }));
    CHECK(publisher.stats().dropped == 0);
  }
}

TEST_CASE("publisher: a bridge with several subscriptions is there until the last of them ends") {
  FakeBridge bridge;
  Publisher publisher(events_to(bridge.endpoint()));
  bridge.subscribe("tick/");
  bridge.subscribe("status/");
  publisher.publish("tick", "{}");
  CHECK(sequence(bridge.receive_events(1)) == from_to(1, 1));
  bridge.unsubscribe("");
  bridge.unsubscribe("status/");
  publisher.publish("tick", "{}");
  CHECK(sequence(bridge.receive_events(1)) == from_to(2, 2));
  CHECK(is_connected(publisher));
  bridge.unsubscribe("tick/");
  REQUIRE(wait_until([&] { return !is_connected(publisher); }));
  publisher.publish("tick", "{}");
  CHECK(publisher.stats().queued == 1);
  bridge.subscribe("tick/");
  CHECK(sequence(bridge.receive_events(1)) == from_to(3, 3));
}

TEST_CASE(
    "publisher: what a stuck bridge left in ZeroMQ's queue when it died reaches the next one") {
  ppo::test::BridgeOptions narrow;
  narrow.queue_messages_max = 1;
  narrow.receive_buffer_bytes = 4096;
  FakeBridge stuck(narrow);
  narrow.endpoint = stuck.endpoint();
  PublisherOptions options = events_to(stuck.endpoint());
  options.batch_bytes_max = 1;  // each event a message, so that ZeroMQ's queue is full of them
  Publisher publisher(options);
  REQUIRE(wait_until([&] {
    stuck.greet();
    return is_connected(publisher);
  }));
  const std::string data = "{\"x\":\"" + std::string(100'000, 'x') + "\"}";
  REQUIRE(wait_until([&] {
    if (publisher.stats().queued < 5) publisher.publish("tick", data);
    const std::uint64_t sent = publisher.stats().sent;
    return publisher.stats().queued >= 5 &&
           !wait_until([&] { return publisher.stats().sent > sent; },
                       std::chrono::milliseconds(100));
  }));
  const std::uint64_t handed_over = publisher.stats().sent;
  stuck.close();
  REQUIRE(wait_until([&] { return !is_connected(publisher); }));
  CHECK(publisher.stats().sent == handed_over);
  CHECK(publisher.stats().dropped == 0);

  FakeBridge next(narrow);
  const auto first = next.receive();
  REQUIRE(first);
  std::uint64_t seq = ppo::test::source_seq(first->body);
  CHECK(seq < handed_over);  // what was on the wire is gone, what waited behind it is not
  while (seq < publisher.stats().published) {
    const auto following = next.receive();
    REQUIRE(following);
    CHECK(ppo::test::source_seq(following->body) == seq + 1);
    ++seq;
  }
}

TEST_CASE("publisher: four threads at once, and the numbers arrive whole and in order") {
  FakeBridge bridge;
  Publisher publisher(events_to(bridge.endpoint()));
  constexpr int kThreads = 4;
  constexpr int kEach = 5000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&publisher, t] {
      const std::string type = "thread_" + std::to_string(t);
      for (int i = 0; i < kEach; ++i) {
        publisher.publish(type, "{\"i\":" + std::to_string(i) + "}");
      }
    });
  }
  const auto events = bridge.receive_events(kThreads * kEach);
  for (std::thread& thread : threads) thread.join();
  CHECK(sequence(events) == from_to(1, kThreads * kEach));
  const ppo::PublisherStats stats = publisher.stats();
  CHECK(stats.published == kThreads * kEach);
  CHECK(stats.dropped == 0);
  CHECK(stats.batches <= stats.published);
}

TEST_CASE(
    "publisher: publishing while it closes is safe, and every event accepted is accounted for") {
  FakeBridge bridge;
  Publisher publisher(events_to(bridge.endpoint()));
  std::uint64_t accepted = 0;
  std::thread thread([&] {
    while (publisher.publish("tick", "{}")) ++accepted;
  });
  CHECK(wait_until([&] {
    bridge.greet();
    return publisher.stats().sent > 100;
  }));
  publisher.close();
  thread.join();
  const ppo::PublisherStats stats = publisher.stats();
  CHECK(stats.published == accepted);
  CHECK(stats.published == stats.sent + stats.dropped);
  CHECK(bridge.receive_events(stats.sent).size() == stats.sent);
}
