// A publisher that has several bridges to go to.
#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "bridge_addresses.h"
#include "fake_bridge.h"
#include "fake_control.h"
#include "support/wait.h"

using ppo::bridge_addresses;
using ppo::Publisher;
using ppo::PublisherOptions;
using ppo::test::FakeBridge;
using ppo::test::FakeControl;
using ppo::test::kSource;
using ppo::test::options_for;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing_support::wait_until;

namespace {

struct Bridges {
  explicit Bridges(const char* value) {
    if (value != nullptr) ::setenv("PPO_BRIDGES", value, 1);
  }
  ~Bridges() { ::unsetenv("PPO_BRIDGES"); }
};

std::string refusal(const std::string& endpoint, const std::string& control) {
  try {
    bridge_addresses(endpoint, control);
    return {};
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
}

struct Node {
  FakeBridge events;
  FakeControl control;

  // The next so many events, announcements left out.
  std::vector<std::string> ticks(std::size_t count) {
    std::vector<std::string> found;
    while (found.size() < count) {
      const auto lines = events.receive_events(1);
      if (lines.empty()) break;
      for (const std::string& line : lines) {
        if (line.find("_source") == std::string::npos || line.find("source_seq") != std::string::npos) found.push_back(line);
      }
    }
    return found;
  }

  bool serves(Publisher& publisher) {
    return wait_until([&] {
      events.greet();
      (void)control.receive(milliseconds(1));
      return publisher.stats().connected && publisher.command_stats().connected;
    });
  }
};

PublisherOptions options_of(const std::string& events, const std::string& controls) {
  PublisherOptions options = options_for(controls);
  options.endpoint = events;
  return options;
}

}  // namespace

TEST_CASE("bridges: what the environment and the options say") {
  const Bridges none(nullptr);
  CHECK(ppo::bad_bridges().empty());
  for (const char* bad : {",", "a,", "a b", "tcp://a:5556", "a:", "a:378", "a:65533", "a:x", "[::1]", "a:99999999999"}) {
    const Bridges bridges(bad);
    CHECK_MESSAGE(ppo::events_address().empty(), bad);
    CHECK(ppo::bad_bridges().find("must be HOST or HOST:PORT (379..65532)") != std::string::npos);
    Publisher publisher;
    CHECK(publisher.error() == ppo::bad_bridges());
  }
  {
    const Bridges bridges("node-1, 10.0.0.2:7000");
    CHECK(ppo::events_address() == "tcp://node-1:5556,tcp://10.0.0.2:7000");
    CHECK(ppo::control_address() == "tcp://node-1:5559,tcp://10.0.0.2:7003");
    // A program that says where it publishes is not asked for as many controls.
    CHECK(ppo::control_beside("tcp://x:1", ppo::control_address()) == "tcp://127.0.0.1:5559");
    CHECK(ppo::control_beside(ppo::events_address(), ppo::control_address()) == ppo::control_address());
    CHECK(ppo::control_beside("tcp://x:1", "") == "");
    ::setenv("PPO_EVENTS_ADDRESS", "tcp://x:1", 1);
    CHECK(ppo::events_address() == "tcp://x:1");
    CHECK(ppo::control_address() == "tcp://127.0.0.1:5559");
    ::unsetenv("PPO_EVENTS_ADDRESS");
  }
  CHECK(refusal("a,b", "c").find("both must name as many bridges") != std::string::npos);
  CHECK(refusal("a,,b", "").find("must be ZeroMQ addresses") != std::string::npos);
  std::string many = "a";
  for (int i = 0; i < 32; ++i) many += ",a";
  CHECK(refusal(many, "") == "endpoint names 33 bridges; must be 1..32");
  CHECK(bridge_addresses("a,b", "").at(1).control.empty());
  CHECK(bridge_addresses("a, b", "c,d").at(1).control == "d");
  // One that is no address shows at once.
  Publisher publisher(options_of("tcp://127.0.0.1:9,nowhere", "tcp://127.0.0.1:9,tcp://127.0.0.1:9"));
  CHECK(publisher.error().find("nowhere") != std::string::npos);
}

TEST_CASE("bridges: when its bridge dies a publisher goes to the next, which can have all that went before") {
  auto one = std::make_unique<Node>();
  Node two;
  Publisher publisher(options_of(one->events.endpoint() + "," + two.events.endpoint(),
                                 one->control.endpoint() + "," + two.control.endpoint()));
  REQUIRE(one->serves(publisher));
  for (int i = 0; i < 10; ++i) publisher.publish("tick", {{"i", i}});
  CHECK(one->ticks(10).size() == 10);
  CHECK(two.events.receive_events(1, milliseconds(10)).empty());  // one at a time
  one.reset();
  REQUIRE(wait_until([&] { return !publisher.stats().connected; }));  // what is sent by then has to be asked for
  for (int i = 10; i < 20; ++i) publisher.publish("tick", {{"i", i}});
  REQUIRE(two.serves(publisher));
  const auto events = two.ticks(10);
  REQUIRE(events.size() == 10);
  CHECK(events.front().find(R"("source_seq":11)") != std::string::npos);
  const std::string reply = two.control.ask(kSource, {"_replay", R"({"from":1,"to":10})"});
  CHECK(reply.find(R"("source_seq":1)") != std::string::npos);
  CHECK(reply.find(R"("source_seq":10)") != std::string::npos);
}

TEST_CASE("bridges: past those that are not there, at the start and at the end") {
  const std::string nobody = "tcp://127.0.0.1:9";
  Node two;
  PublisherOptions options = options_of(nobody + "," + nobody + "," + two.events.endpoint(),
                                        nobody + "," + nobody + "," + two.control.endpoint());
  options.flush_ms = 10'000;
  Publisher publisher(options);
  publisher.publish("tick", "{}");
  std::thread closing([&] { publisher.close(); });
  const bool came = wait_until([&] {
    (void)two.control.receive(milliseconds(1));
    return !two.events.receive_events(1, milliseconds(1)).empty();
  });
  closing.join();
  CHECK(came);
}
