// A bridge that is there and does not read.
#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <string>
#include <vector>

#include "fake_bridge.h"
#include "support/wait.h"

using ppo::Publisher;
using ppo::PublisherOptions;
using ppo::test::FakeBridge;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing_support::wait_until;

namespace {

const std::string kData = "{\"x\":\"" + std::string(2000, 'x') + "\"}";

FakeBridge stuck_bridge() {
  ppo::test::BridgeOptions options;
  options.queue_messages_max = 1;
  options.receive_buffer_bytes = 4096;
  return FakeBridge(options);
}

PublisherOptions small_ring(const std::string& endpoint) {
  PublisherOptions options;
  options.endpoint = endpoint;
  options.control.clear();  // only events are looked at here
  options.source = "trainer-1";
  options.ring_events_max = 100;
  options.batch_bytes_max = 16'384;
  options.flush_ms = 10'000;
  return options;
}

// Publishes until ZeroMQ, the system's buffers and the ring are full.
void publish_until_full(Publisher& publisher, FakeBridge& bridge) {
  REQUIRE(wait_until([&] {
    bridge.greet();
    return publisher.stats().connected;
  }));
  REQUIRE(wait_until([&] {
    for (int i = 0; i < 1000; ++i) publisher.publish("tick", kData);
    const std::uint64_t sent = publisher.stats().sent;
    return publisher.stats().dropped > 1000 &&
           !wait_until([&] { return publisher.stats().sent > sent; }, milliseconds(50));
  }));
}

double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

}  // namespace

TEST_CASE("publisher: with a stuck bridge publish() returns at once; later the holes add up") {
  FakeBridge bridge = stuck_bridge();
  Publisher publisher(small_ring(bridge.endpoint()));
  publish_until_full(publisher, bridge);

  const auto start = steady_clock::now();
  for (int i = 0; i < 20'000; ++i) {
    if (!publisher.publish("tick", kData)) FAIL("refused " << i);
  }
  CHECK(steady_clock::now() - start < milliseconds(30'000));
  CHECK(publisher.stats().queued == 100);
  CHECK(publisher.stats().connected);

  // It reads again: all that was sent arrives, in order, and what is missing is what was dropped.
  std::vector<std::uint64_t> numbers;
  const bool drained = wait_until([&] {
    while (const auto message = bridge.receive(milliseconds(100))) {
      for (const std::string& event : ppo::test::lines(message->body)) {
        numbers.push_back(ppo::test::source_seq(event));
      }
    }
    return publisher.stats().queued == 0;
  });
  REQUIRE(drained);
  const ppo::PublisherStats stats = publisher.stats();
  CHECK(numbers.size() == stats.sent);
  CHECK(stats.published == stats.sent + stats.dropped);
  CHECK(std::is_sorted(numbers.begin(), numbers.end()));
  CHECK(std::adjacent_find(numbers.begin(), numbers.end()) == numbers.end());
  REQUIRE_FALSE(numbers.empty());
  CHECK(numbers.back() == stats.source_seq);
}

TEST_CASE("publisher: with a stuck bridge closing takes flush_ms and no longer") {
  FakeBridge bridge = stuck_bridge();
  PublisherOptions options = small_ring(bridge.endpoint());
  options.flush_ms = 200;
  Publisher publisher(options);
  publish_until_full(publisher, bridge);
  const auto start = steady_clock::now();
  publisher.close();
  const auto took = steady_clock::now() - start;
  CHECK(took >= milliseconds(150));
  CHECK(took < milliseconds(5000));
  const ppo::PublisherStats stats = publisher.stats();
  CHECK(stats.queued == 0);
  CHECK(stats.published == stats.sent + stats.dropped);
}

TEST_CASE(
    "publisher: waiting costs no processor time, with no bridge, an idle one or a stuck one") {
  FakeBridge idle;
  FakeBridge stuck = stuck_bridge();
  const Publisher without(small_ring(ppo::test::free_endpoint()));
  Publisher with_idle(small_ring(idle.endpoint()));
  PublisherOptions options = small_ring(stuck.endpoint());
  options.flush_ms = 0;
  Publisher with_stuck(options);
  publish_until_full(with_stuck, stuck);
  REQUIRE(wait_until([&] {
    idle.greet();
    return with_idle.stats().connected;
  }));

  const double before = cpu_seconds();
  CHECK_FALSE(wait_until([] { return false; }, milliseconds(500)));
  CHECK(cpu_seconds() - before < 0.25);  // one that spins takes 0.5 s
}
