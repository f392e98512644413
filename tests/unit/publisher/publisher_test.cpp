// A publisher by itself: what it refuses, and that it needs no bridge.
#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "fake_bridge.h"
#include "names.h"
#include "support/wait.h"

using ppo::Publisher;
using ppo::PublisherOptions;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

PublisherOptions nobody_listens() {
  PublisherOptions options;
  options.endpoint = ppo::test::free_endpoint();
  options.source = "trainer-1";
  options.flush_ms = 0;
  return options;
}

std::string error_of(const PublisherOptions& options) {
  Publisher publisher(options);
  CHECK_FALSE(publisher.publish("a", "{}"));
  CHECK_FALSE(publisher.publish(ppo::SystemStatus{"a", "b"}));
  CHECK(publisher.stats().refused == 2);
  CHECK(publisher.stats().published == 0);
  publisher.close();
  return publisher.error();
}

}  // namespace

TEST_CASE("publisher: a bad option is named with its value and range, and every event refused") {
  PublisherOptions options = nobody_listens();
  options.source = "a b\n";
  CHECK(error_of(options) == "source is 'a b?'; must be 1-64 of A-Z a-z 0-9 _ . : -");
  options = nobody_listens();
  options.run = std::string(100, '/');
  CHECK(error_of(options).find("run is '////") == 0);
  options = nobody_listens();
  options.ring_events_max = 0;
  CHECK(error_of(options) == "ring_events_max is 0; must be 1..16777216");
  options = nobody_listens();
  options.ring_bytes_max = 0;
  CHECK(error_of(options).find("ring_bytes_max is 0; must be 1..") == 0);
  options = nobody_listens();
  options.batch_bytes_max = 0;
  CHECK(error_of(options).find("batch_bytes_max is 0; must be 1..") == 0);
  options = nobody_listens();
  options.event_bytes_max = 0;
  CHECK(error_of(options).find("event_bytes_max is 0; must be 1..") == 0);
  options = nobody_listens();
  options.flush_ms = -1;
  CHECK(error_of(options) == "flush_ms is -1; must be 0..3600000");
}

TEST_CASE("publisher: an endpoint that ZeroMQ does not take is an error, not an exception") {
  PublisherOptions options = nobody_listens();
  for (const char* endpoint : {"", "localhost", "tcp://127.0.0.1", "smoke://signals"}) {
    CAPTURE(std::string(endpoint));
    options.endpoint = endpoint;
    CHECK(error_of(options).find("endpoint ") == 0);
  }
}

TEST_CASE("publisher: bad types, data and names are refused, counted, and use no number") {
  Publisher publisher(nobody_listens());
  REQUIRE(publisher.error() == "");
  CHECK_FALSE(publisher.publish("", "{}"));
  CHECK_FALSE(publisher.publish("_source", "{}"));
  CHECK_FALSE(publisher.publish("a b", "{}"));
  CHECK_FALSE(publisher.publish("a", ""));
  CHECK_FALSE(publisher.publish("a", "[]"));
  CHECK_FALSE(publisher.publish("a", "{\"a\":1}\n{\"type\":\"b\",\"data\":{}}"));
  CHECK_FALSE(publisher.publish("a", "{\"a\":\"" + std::string(2u << 20, 'x') + "\"}"));
  CHECK_FALSE(publisher.publish(ppo::TradeExecuted{}));
  CHECK_FALSE(publisher.publish(ppo::ErrorEvent{"a", "b", "not json"}));
  CHECK(publisher.stats().refused == 9);
  CHECK(publisher.stats().published == 0);
  CHECK(publisher.stats().source_seq == 0);
  CHECK(publisher.publish("a", "{}"));
  CHECK(publisher.stats().source_seq == 1);
}

TEST_CASE("publisher: source and run are made up where none are given, the run anew each start") {
  PublisherOptions options = nobody_listens();
  options.source.clear();
  const Publisher one(options);
  const Publisher other(options);
  CHECK(ppo::is_name(one.source()));
  CHECK(ppo::is_name(one.run()));
  CHECK(other.source() == one.source() + "-2");
  CHECK(one.run() != other.run());
}

TEST_CASE("publisher: without a bridge a hundred thousand events return at once, newest kept") {
  PublisherOptions options = nobody_listens();
  options.ring_events_max = 1000;
  Publisher publisher(options);
  const auto start = steady_clock::now();
  for (int i = 0; i < 100'000; ++i) {
    if (!publisher.publish("tick", R"({"price":1500000})")) FAIL("refused " << i);
  }
  // Some 30 ms where nothing else runs; the bound is for sanitizers on a busy machine.
  CHECK(steady_clock::now() - start < milliseconds(30'000));
  const ppo::PublisherStats stats = publisher.stats();
  CHECK(stats.published == 100'000);
  CHECK(stats.queued == 1000);
  CHECK(stats.dropped == 99'000);
  CHECK(stats.sent == 0);
  CHECK_FALSE(stats.connected);
}

TEST_CASE(
    "publisher: closing without a bridge takes a moment at most, and what waited is dropped") {
  PublisherOptions options = nobody_listens();
  options.flush_ms = 60'000;
  Publisher publisher(options);
  for (int i = 0; i < 10; ++i) publisher.publish("tick", "{}");
  const auto start = steady_clock::now();
  publisher.close();
  publisher.close();
  CHECK(steady_clock::now() - start < milliseconds(30'000));
  CHECK(publisher.stats().dropped == 10);
  CHECK(publisher.stats().queued == 0);
  CHECK_FALSE(publisher.publish("tick", "{}"));
}

TEST_CASE("publisher: one thread of its own, and ZeroMQ's two of one context") {
  const auto threads = [] {
    std::multiset<std::string> names;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
      std::string name;
      std::getline(std::ifstream(task.path() / "comm"), name);
      names.insert(name.substr(0, name.find('/')));
    }
    return names;
  };
  const auto before = threads();
  PublisherOptions options = nobody_listens();
  options.control = "tcp://127.0.0.1:9";
  Publisher publisher(options);
  CHECK(publisher.on_command("pause", [](const auto&) { return ppo::CommandResult::success(); }));
  CHECK(testing_support::wait_until([&] { return threads().count("ppo-publisher") == 1; }));
  CHECK(threads().size() == before.size() + 3);
  publisher.close();
  CHECK(testing_support::wait_until([&] { return threads() == before; }));
}
