// What a source says of itself over its control connection, and commands by the bridge's clock.
#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>

#include <atomic>
#include <chrono>
#include <string>

#include "fake_bridge.h"
#include "fake_control.h"
#include "support/json.h"
#include "support/wait.h"

using ppo::Command;
using ppo::CommandResult;
using ppo::CommandThread;
using ppo::Publisher;
using ppo::test::Ask;
using ppo::test::FakeControl;
using ppo::test::kSource;
using ppo::test::options_for;
using ppo::test::wall_s;
using testing_support::Json;
using testing_support::wait_until;

namespace {

CommandResult succeeds(const Command&) {
  return CommandResult::success();
}

// The next hello that `wanted(it)` holds for.
template <class Wanted>
Json next(FakeControl& bridge, Wanted&& wanted) {
  for (;;) {
    const auto body = bridge.hello();
    REQUIRE(body);
    Json hello(*body);
    if (wanted(hello)) return hello;
  }
}

bool asks_the_time(const Json& hello) {
  return hello.has("/data/clock");
}

Ask wanted_by(double by, const std::string& command = "count") {
  Ask ask{command};
  ask.by = by;
  return ask;
}

}  // namespace

TEST_CASE("hello: on connecting, on every change, once a second, and at the end") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  publisher.publish("tick", "{}");
  REQUIRE(publisher.on_command("pause", succeeds));
  REQUIRE(publisher.set_agents({"agent_0"}));
  const double before = wall_s();
  const Json hello = next(bridge, [](const Json& body) {
    return body.integer("/data/head") == 1 && asks_the_time(body);
  });
  CHECK(hello.string("/type") == "_source");
  CHECK(hello.string("/source") == kSource);
  CHECK(hello.string("/run") == "k3f9a2");
  CHECK(hello.integer("/data/oldest") == 1);
  CHECK(hello.dump("/data/agents") == R"(["agent_0"])");
  CHECK(hello.dump("/data/commands") == R"(["pause"])");
  CHECK(hello.string("/data/state") == "running");
  CHECK(std::abs(hello.number("/data/clock") - before) < 60);
  CHECK(next(bridge, [&](const Json& later) {
          return asks_the_time(later) &&
                 later.number("/data/clock") > hello.number("/data/clock") + 0.9;
        }).string("/data/state") == "running");
  REQUIRE(publisher.set_state("paused"));
  next(bridge, [](const Json& body) { return body.string("/data/state") == "paused"; });
  publisher.close();
  next(bridge, [](const Json& body) { return body.string("/data/state") == "stopped"; });
}

TEST_CASE("hello: declared parameters are told, and those that are none refused") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  CHECK_FALSE(publisher.set_parameters({{"", 1}}));
  CHECK_FALSE(publisher.set_parameters({{"rate", 1, "decimal"}}));
  CHECK_FALSE(publisher.set_parameters({{"rate", 1, "number", 0, 1, "", "no name"}}));
  CHECK_FALSE(publisher.set_parameters({{"rate", ppo::List{ppo::List{1}}}}));
  CHECK_FALSE(publisher.set_parameters(std::vector<ppo::Parameter>(65, {"rate", 1})));
  CHECK_FALSE(publisher.set_parameters({{"text", std::string(17'000, 'x'), "text"}}));
  REQUIRE(publisher.set_parameters({{"rate", 0.003, "number", 0, 1, "1/step", "agent_0"},
                                    {"mode", "fast", "choice", {}, {}, "", "", {"fast", "slow"}}}));
  const Json hello = next(bridge, [](const Json& body) { return body.has("/data/parameters"); });
  CHECK(hello.dump("/data/parameters") ==
        R"([{"name":"rate","value":0.003,"kind":"number","min":0.0,"max":1.0,"unit":"1/step",)"
        R"("agent_id":"agent_0"},{"name":"mode","value":"fast","kind":"choice",)"
        R"("choices":["fast","slow"]}])");
}

TEST_CASE("hello: the end is told each time, however short the life before it") {
  for (int round = 0; round < 20; ++round) {
    FakeControl bridge;
    Publisher publisher(options_for(bridge.endpoint()));
    bridge.hello();
    publisher.close();
    next(bridge, [](const Json& body) { return body.string("/data/state") == "stopped"; });
  }
}

TEST_CASE("hello: a bridge that comes back hears it over the new connection") {
  const std::string endpoint = ppo::test::free_endpoint();
  Publisher publisher(options_for(endpoint));
  for (int round = 0; round < 3; ++round) {
    FakeControl bridge(endpoint);
    CHECK(Json(bridge.hello().value()).string("/source") == kSource);
    bridge.close();
    REQUIRE(wait_until([&] { return !publisher.command_stats().connected; }));
  }
}

TEST_CASE("hello: a command that comes after its time by the bridge's clock is not carried out") {
  FakeControl bridge;
  constexpr double kAhead = 2'600'000;  // a month
  bridge.answer_clock(kAhead);
  Publisher publisher(options_for(bridge.endpoint()));
  std::atomic<int> ran{0};
  const auto count = [&](const Command&) {
    ++ran;
    return CommandResult::success();
  };
  publisher.on_command("count", count, CommandThread::kLibrary);
  publisher.on_command("polled", count);
  next(bridge, asks_the_time);
  REQUIRE(bridge.clocks_answered() == 1);
  const Json late(bridge.ask(kSource, wanted_by(wall_s() + kAhead - 5)));
  CHECK_FALSE(late.boolean("/success"));
  CHECK(late.string("/error/error_type") == "timeout");
  CHECK(late.string("/error/message") == "deadline passed; not carried out");
  CHECK(ran == 0);
  CHECK(Json(bridge.ask(kSource, wanted_by(wall_s() + kAhead + 300))).boolean("/success"));
  CHECK(ran == 1);
  // In time when it came, late when it was polled for.
  const Json unpolled(bridge.ask(kSource, wanted_by(wall_s() + kAhead + 0.3, "polled")));
  CHECK(unpolled.string("/error/error_type") == "timeout");
  CHECK(publisher.poll_commands() == 0);
  CHECK(ran == 1);
  CHECK(publisher.command_stats().late == 2);
  CHECK(publisher.command_stats().refused == 2);
}

TEST_CASE("hello: of a bridge that does not tell its time, only `deadline_ms` is looked at") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  publisher.on_command("count", succeeds, CommandThread::kLibrary);
  CHECK(Json(bridge.ask(kSource, wanted_by(1))).boolean("/success"));
}

TEST_CASE("hello: what is said of the time by another connection's bridge is forgotten with it") {
  const std::string endpoint = ppo::test::free_endpoint();
  Publisher publisher(options_for(endpoint));
  publisher.on_command("count", succeeds, CommandThread::kLibrary);
  {
    FakeControl bridge(endpoint);
    bridge.answer_clock(5000);
    next(bridge, asks_the_time);
    CHECK_FALSE(Json(bridge.ask(kSource, wanted_by(wall_s()))).boolean("/success"));
  }
  REQUIRE(wait_until([&] { return !publisher.command_stats().connected; }));
  FakeControl another(endpoint);
  CHECK(Json(another.ask(kSource, wanted_by(wall_s()))).boolean("/success"));
}

TEST_CASE("hello: times that are none do no harm") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  publisher.on_command("count", succeeds, CommandThread::kLibrary);
  for (const char* params : {"{}", "[]", "null", R"({"clock":"x","at":1})", R"({"clock":1})",
                             R"({"clock":-1,"at":1e308})",
                             R"({"clock":18446744073709551615,"at":-9223372036854775808})"}) {
    REQUIRE(bridge.send(kSource, std::string(R"({"command":"_clock","params":)") + params + "}"));
  }
  for (const char* by : {"\"now\"", "-1", "1e308", "18446744073709551615", "[]"}) {
    REQUIRE(bridge.send(
        kSource, std::string(R"({"id":"c-1","command":"count","run":"k3f9a2","by":)") + by + "}"));
    CHECK(Json(bridge.receive().value()).string("/error/error_type") == "bad_request");
  }
  CHECK(Json(bridge.ask(kSource, wanted_by(wall_s()))).boolean("/success"));
}
