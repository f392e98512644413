// Events that get lost on the way, through the real program: asked for again, or named.

#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "fake_trainer.h"
#include "support/bridge_process.h"
#include "support/protocol_client.h"
#include "support/tcp_proxy.h"

using namespace testing_support;

namespace {

constexpr std::uint64_t kMany = PPO_SANITIZED ? 10'000 : 40'000;

ppo::PublisherOptions options_for(const std::string& events, const std::string& control) {
  ppo::PublisherOptions options;
  options.endpoint = events;
  options.control = control;
  options.source = "t";
  options.run = "r";
  options.flush_ms = 10'000;
  return options;
}

ppo::PublisherOptions options_for(const BridgeProcess& bridge) {
  return options_for(bridge.events_in(), bridge.address("control"));
}

void publish(ppo::Publisher& publisher, std::uint64_t count) {
  const std::string data = R"({"x":")" + std::string(100, 'x') + "\"}";
  for (std::uint64_t i = 0; i < count; ++i) REQUIRE(publisher.publish("tick", data));
}

// Reads what a client gets of the source "t" and holds it against the promise: events in order,
// each once, or a gap that names those that are missing.
class Reader {
 public:
  explicit Reader(const BridgeProcess& bridge) : client_(bridge.websocket()) {
    client_.request(R"({"action":"register","filter":{"source":"t"},"since":{"last":1000000}})");
  }
  // Until event `last` was seen or reported as lost.
  void read_to(std::uint64_t last) {
    while (next_ <= last) take(client_.next_message());
  }
  // The same while `meanwhile` is called now and then.
  template <class Meanwhile>
  void read_to(std::uint64_t last, Meanwhile&& meanwhile) {
    const Deadline deadline(kPatience);
    while (next_ <= last) {
      REQUIRE_FALSE(deadline.passed());
      if (const auto message = client_.try_next_message(milliseconds{100})) {
        take(*message);
      } else {
        meanwhile();
      }
    }
  }
  std::uint64_t lost() const { return lost_; }
  ProtocolClient& client() { return client_; }
  // What the bridge itself counts for the source.
  std::int64_t counted(const std::string& what) {
    const Json reply = client_.request(R"({"action":"command","command":"get_sources"})");
    for (std::size_t i = 0; i < reply.size("/result/sources"); ++i) {
      const std::string at = "/result/sources/" + std::to_string(i);
      if (reply.string(at + "/source") == "t") return reply.integer(at + "/" + what);
    }
    return -1;
  }

 private:
  void take(const Json& message) {
    if (message.string("/type") == "gap") {
      INFO(message.text());
      REQUIRE(message.string("/data/reason") == "source_lost");
      REQUIRE(message.string("/data/run") == "r");
      REQUIRE(message.integer("/data/from_source_seq") == static_cast<std::int64_t>(next_));
      const auto to = static_cast<std::uint64_t>(message.integer("/data/to_source_seq"));
      lost_ += to - next_ + 1;
      next_ = to + 1;
    } else {
      REQUIRE(message.integer("/source_seq") == static_cast<std::int64_t>(next_));
      ++next_;
    }
  }

  ProtocolClient client_;
  std::uint64_t next_ = 1;
  std::uint64_t lost_ = 0;
};

}  // namespace

TEST_CASE("repair: what a stranger's socket dropped comes out in its place") {
  BridgeProcess bridge;
  Reader reader(bridge);
  FakeTrainer trainer(bridge.events_in(), bridge.address("control"), "t", "r");
  const std::string data = R"({"x":")" + std::string(1000, 'x') + "\"}";
  for (int n = 1; n <= 3000; ++n) trainer.event(data, n % 1000 > 900 || n % 97 == 0);
  trainer.event();
  reader.read_to(3001, [&] { trainer.announce(); });
  CHECK(reader.lost() == 0);
  CHECK(reader.counted("repaired") >= 297);
  CHECK(reader.counted("lost") == 0);
  CHECK(trainer.replays() > 3);
}

TEST_CASE("repair: slow joiner: the very first event arrives, though its socket dropped it") {
  BridgeProcess bridge;
  Reader reader(bridge);
  FakeTrainer trainer(bridge.events_in(), bridge.address("control"), "t", "r");
  trainer.event(R"({"first":true})", true);
  SUBCASE("with more behind it") { trainer.event(); }
  SUBCASE("with nothing behind it") {}
  reader.read_to(1, [&] { trainer.announce(); });
  CHECK(reader.lost() == 0);
}

TEST_CASE("repair: slow joiner: a publisher's first event in its first millisecond arrives") {
  BridgeProcess bridge;
  Reader reader(bridge);
  ppo::Publisher publisher(options_for(bridge));
  REQUIRE(publisher.publish("tick", "{}"));
  reader.read_to(1);
  CHECK(reader.lost() == 0);
}

TEST_CASE("repair: a lost tail with nothing behind it is asked for, and what is gone is named") {
  BridgeProcess bridge;
  Reader reader(bridge);
  FakeTrainer trainer(bridge.events_in(), bridge.address("control"), "t", "r");
  for (int n = 1; n <= 10; ++n) trainer.event("{}", n > 4);
  SUBCASE("all of it") {
    reader.read_to(10, [&] { trainer.announce(); });
    CHECK(reader.lost() == 0);
  }
  SUBCASE("but for what the trainer no longer has") {
    trainer.forget(7);
    reader.read_to(10, [&] { trainer.announce(); });
    CHECK(reader.lost() == 3);
    CHECK(reader.counted("lost") == 3);
  }
  SUBCASE("at once where the trainer stops") {
    trainer.announce("stopped");
    reader.read_to(10);
    CHECK(reader.lost() == 0);
  }
}

TEST_CASE("repair: a source that cannot be asked loses what it loses, and says how much") {
  BridgeProcess bridge;
  Reader reader(bridge);
  EventPublisher publisher(bridge.events_in());
  for (const std::uint64_t seq : {1, 2, 3, 7, 8, 8, 10}) {
    REQUIRE(publisher.publish(event_body("tick", "{}", "t", "r", seq)));
  }
  reader.read_to(10);
  CHECK(reader.lost() == 4);
  CHECK(reader.counted("lost") == 4);
  CHECK(reader.counted("duplicates") == 1);
}

TEST_CASE("repair: a bridge that stands still for a while loses nothing") {
  BridgeOptions options;
  options.settings = {"events.receive_messages_max=1"};
  BridgeProcess bridge(options);
  Reader reader(bridge);
  ppo::PublisherOptions wants = options_for(bridge);
  wants.batch_bytes_max = 4096;
  ppo::Publisher publisher(wants);
  publish(publisher, 100);
  reader.read_to(100);
  bridge.process().signal(SIGSTOP);
  const Deadline stand_still(milliseconds{2000});
  std::uint64_t published = 100;
  while (published < kMany) {
    publish(publisher, kMany / 100);
    published += kMany / 100;
    (void)wait_until([&] { return stand_still.passed(); }, milliseconds{10});
  }
  REQUIRE(wait_until([&] { return stand_still.passed(); }));
  bridge.process().signal(SIGCONT);
  reader.read_to(published);
  CHECK(reader.lost() == 0);
  CHECK(publisher.stats().dropped == 0);
}

TEST_CASE("repair: the same with too small a ring: exactly what the ring let go is reported") {
#ifdef __SANITIZE_THREAD__
  return;  // what it finds in libzmq, and does not tell, holds up libzmq's thread for seconds
#endif
  BridgeOptions options;
  options.settings = {"events.receive_messages_max=1"};
  BridgeProcess bridge(options);
  Reader reader(bridge);
  ppo::PublisherOptions wants = options_for(bridge);
  wants.batch_bytes_max = 4096;
  wants.ring_events_max = 200;
  ppo::Publisher publisher(wants);
  publish(publisher, 100);
  reader.read_to(100);
  bridge.process().signal(SIGSTOP);
  const Deadline stand_still(milliseconds{1000});
  const std::string data = R"({"x":")" + std::string(1000, 'x') + "\"}";
  // More than the system's buffers on the way hold.
  REQUIRE(wait_until([&] {
    for (int i = 0; i < 1000; ++i) publisher.publish("tick", data);
    return publisher.stats().dropped > 5000 && stand_still.passed();
  }));
  bridge.process().signal(SIGCONT);
  publish(publisher, 100);
  const std::uint64_t last = publisher.stats().source_seq;
  reader.read_to(last);
  CHECK(reader.lost() == publisher.stats().dropped);
  CHECK(reader.counted("lost") == static_cast<std::int64_t>(publisher.stats().dropped));
}

TEST_CASE("repair: a connection that is cut again and again loses nothing") {
  BridgeProcess bridge;
  Reader reader(bridge);
  TcpProxy wire(parse_address(bridge.events_in()));
  ppo::Publisher publisher(options_for(wire.endpoint(), bridge.address("control")));
  std::uint64_t published = 0;
  for (int cut = 0; cut < 5; ++cut) {
    publish(publisher, 1000);
    // What the bridge has, came over a connection that stands: it is not of the one that was cut before.
    reader.read_to(published + 1000);
    // Some are on their way when it happens: the wire takes them, and nobody gets them.
    wire.swallow(true);
    publish(publisher, 1000);
    published += 2000;
    REQUIRE(wait_until([&] {
      // It was on its way to connect anew: a greeting that is swallowed leads nowhere.
      if (!publisher.stats().connected) wire.swallow(false);
      return publisher.stats().queued == 0;
    }));
    wire.cut();
    wire.swallow(false);
  }
  // The last ones are a tail with nothing behind it.
  reader.read_to(published);
  CHECK(reader.lost() == 0);
  CHECK(reader.counted("repaired") > 0);
  CHECK(wire.swallowed() > 0);
}

TEST_CASE("repair: a bridge that is killed and starts again asks from the first event on") {
  auto bridge = std::make_unique<BridgeProcess>();
  BridgeOptions again;
  again.settings = {R"(events.bind=[")" + bridge->events_in() + "\"]",
                    "trainers.control=" + bridge->address("control")};
  ppo::Publisher publisher(options_for(*bridge));
  {
    Reader reader(*bridge);
    publish(publisher, 5000);
    reader.read_to(1000);
  }
  bridge->process().signal(SIGKILL);
  REQUIRE(bridge->process().wait_exit());
  publish(publisher, 5000);
  bridge = std::make_unique<BridgeProcess>(again);
  publish(publisher, 5000);
  Reader reader(*bridge);
  reader.read_to(15'000);
  CHECK(reader.lost() == 0);
  CHECK(reader.counted("repaired") > 0);
}
