// What a source that answers commands says of itself, once a second.
#include "announcement.h"

#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>

#include "fake_bridge.h"
#include "support/json.h"
#include "support/wait.h"

using ppo::Announcement;
using ppo::Publisher;
using ppo::PublisherOptions;
using ppo::test::FakeBridge;
using std::chrono::milliseconds;
using std::chrono::steady_clock;
using testing_support::Json;

namespace {

PublisherOptions announcing_to(const std::string& endpoint) {
  PublisherOptions options;
  options.endpoint = endpoint;
  options.control = "tcp://127.0.0.1:9";
  options.source = "trainer-1";
  options.run = "k3f9a2";
  return options;
}

ppo::CommandResult succeed(const ppo::Command&) {
  return ppo::CommandResult::success();
}

// The next announcement that `wanted(it)` holds for.
template <class Wanted>
std::optional<Json> next(FakeBridge& bridge, Wanted&& wanted) {
  const testing_support::Deadline deadline(testing_support::kPatience);
  while (!deadline.passed()) {
    const auto message = bridge.receive(milliseconds(100));
    if (!message || message->topic != "_source/trainer-1/") continue;
    Json body(message->body);
    if (wanted(body)) return body;
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("announcement: says who, how far, what can be asked and how it is") {
  Announcement announcement("trainer-1", "k3f9a2");
  CHECK_FALSE(announcement.begun());
  CHECK_FALSE(announcement.set_agents({"agent_0", "no name"}));
  CHECK_FALSE(announcement.set_state("asleep"));
  CHECK(announcement.version() == 0);
  CHECK(announcement.set_agents({"agent_0", "agent_1"}));
  announcement.set_commands({"pause", "resume"});
  CHECK(announcement.set_state("paused"));
  CHECK(announcement.version() == 3);
  CHECK(announcement.set_state("paused"));
  CHECK(announcement.version() == 3);
  const Json body(announcement.body({1041, 1000}));
  CHECK(body.string("/type") == "_source");
  CHECK(body.string("/source") == "trainer-1");
  CHECK(body.string("/run") == "k3f9a2");
  CHECK_FALSE(body.has("/source_seq"));
  CHECK(body.integer("/data/head") == 1041);
  CHECK(body.integer("/data/oldest") == 1000);
  CHECK(body.dump("/data/agents") == R"(["agent_0","agent_1"])");
  CHECK(body.dump("/data/commands") == R"(["pause","resume"])");
  CHECK_FALSE(body.string("/data/host").empty());
  CHECK(body.integer("/data/pid") == getpid());
  CHECK(body.string("/data/state") == "paused");
}

TEST_CASE("announcement: none without a control endpoint") {
  FakeBridge bridge;
  PublisherOptions options = announcing_to(bridge.endpoint());
  options.control.clear();
  Publisher publisher(options);
  CHECK(publisher.set_agents({"agent_0"}));
  CHECK_FALSE(publisher.set_agents({""}));
  publisher.publish("tick", "{}");
  CHECK(bridge.receive()->topic == "tick/trainer-1/");
  CHECK_FALSE(bridge.receive(milliseconds(1200)));
}

TEST_CASE("announcement: before the first event, on every change, and once a second") {
  FakeBridge bridge;
  Publisher publisher(announcing_to(bridge.endpoint()));
  CHECK(publisher.set_agents({"agent_0"}));
  publisher.publish("tick", "{}");
  const auto begin = bridge.receive();
  REQUIRE(begin);
  CHECK(begin->topic == "_source/trainer-1/");
  CHECK(Json(begin->body).dump("/data/commands") == "[]");

  REQUIRE(publisher.on_command("pause", succeed));
  const auto first =
      next(bridge, [](const Json& body) { return body.size("/data/commands") == 1; });
  REQUIRE(first);
  CHECK(first->integer("/data/head") == 1);
  CHECK(first->integer("/data/oldest") == 1);  // it was sent, and can be had again
  CHECK(first->string("/data/replay") == "any_time");
  CHECK(first->dump("/data/agents") == R"(["agent_0"])");
  CHECK(first->dump("/data/commands") == R"(["pause"])");
  CHECK(first->string("/data/state") == "running");
  const auto start = steady_clock::now();
  for (int i = 0; i < 2; ++i) REQUIRE(next(bridge, [](const Json&) { return true; }));
  const auto took = steady_clock::now() - start;
  CHECK(took > milliseconds(1500));
  CHECK(took < milliseconds(9000));
}

TEST_CASE("announcement: a change is told at once, the end last of all, and they use no number") {
  FakeBridge bridge;
  PublisherOptions options = announcing_to(bridge.endpoint());
  options.flush_ms = 10'000;
  Publisher publisher(options);
  REQUIRE(publisher.on_command("pause", succeed));
  REQUIRE(next(bridge, [](const Json&) { return true; }));
  // Not with the next second's; a machine that stands still may make one late, not all of them.
  bool at_once = false;
  for (int i = 0; i < 5 && !at_once; ++i) {
    const std::string state = i % 2 == 0 ? "paused" : "running";
    REQUIRE(publisher.set_state(state));
    const auto changed = steady_clock::now();
    REQUIRE(next(bridge, [&](const Json& body) { return body.string("/data/state") == state; }));
    at_once = steady_clock::now() - changed < milliseconds(400);
  }
  CHECK(at_once);
  publisher.publish("tick", "{}");
  publisher.publish("tick", "{}");
  publisher.close();
  std::uint64_t seq = 0;
  bool stopped = false;
  while (const auto message = bridge.receive(milliseconds(200))) {
    CHECK_FALSE(stopped);
    for (const std::string& line : ppo::test::lines(message->body)) {
      const Json body(line);
      if (message->topic != "_source/trainer-1/") {
        CHECK(ppo::test::source_seq(line) == ++seq);
      } else if (body.string("/data/state") == "stopped") {
        stopped = true;
        CHECK(body.integer("/data/head") == 2);
      }
    }
  }
  CHECK(seq == 2);
  CHECK(stopped);
  CHECK(publisher.stats().published == 2);
  CHECK(publisher.stats().source_seq == 2);
}

TEST_CASE("announcement: a bridge that comes back hears at once what waits for it") {
  FakeBridge bridge;
  const std::string endpoint = bridge.endpoint();
  Publisher publisher(announcing_to(endpoint));
  REQUIRE(publisher.on_command("pause", succeed));
  REQUIRE(next(bridge, [](const Json&) { return true; }));
  bridge.close();
  REQUIRE(testing_support::wait_until([&] { return !publisher.stats().connected; }));
  for (int i = 0; i < 3; ++i) publisher.publish("tick", "{}");
  FakeBridge again({endpoint});
  const auto body = next(again, [](const Json&) { return true; });
  REQUIRE(body);
  CHECK(body->integer("/data/head") == 3);
  CHECK(body->integer("/data/oldest") == 1);
}
