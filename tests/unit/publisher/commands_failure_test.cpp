// Control channels on which things go wrong: garbage, bridges that die, and the end.
#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "fake_bridge.h"
#include "fake_control.h"
#include "support/json.h"
#include "support/wait.h"

using ppo::Command;
using ppo::CommandResult;
using ppo::CommandThread;
using ppo::Publisher;
using ppo::PublisherOptions;
using ppo::test::Ask;
using ppo::test::FakeControl;
using ppo::test::kSource;
using ppo::test::options_for;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing_support::Json;
using testing_support::wait_until;

namespace {

CommandResult fine(const Command&) {
  return CommandResult::success();
}

bool connected(const Publisher& publisher) {
  return publisher.command_stats().connected;
}

// Asks until "ping" is answered: what is sent over a connection in its last moment is lost, and a
// publisher leaves one that came about before it had seen the end of the one before.
bool answers_in_the_end(FakeControl& bridge, const Ask& ping = {"ping"}) {
  return wait_until([&] {
    if (!bridge.send(kSource, ping)) return false;
    const auto reply = bridge.receive(seconds(2));
    return reply && Json(*reply).boolean("/success");
  });
}

}  // namespace

TEST_CASE("commands: garbage is answered where it can be, counted, and does no harm") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  publisher.on_command("ping", fine, CommandThread::kLibrary);
  REQUIRE(bridge.send_frames(kSource, {"no delimiter"}));
  REQUIRE(bridge.send_frames(kSource, {""}));
  REQUIRE(bridge.send_frames(kSource, {"", "", "two"}));
  REQUIRE(bridge.send_frames(kSource, {"no", "delimiter", "either"}));
  REQUIRE(bridge.send_frames(kSource, std::vector<std::string>(1000)));
  REQUIRE(wait_until([&] { return publisher.command_stats().malformed == 5; }));
  for (const std::string& body :
       std::vector<std::string>{"", "{", "[1]", "\xFF\xFE", std::string(500'000, '{')}) {
    REQUIRE(bridge.send(kSource, body));
    const Json reply(bridge.receive().value());
    CHECK(reply.dump("/id") == "null");
    CHECK(reply.string("/error/error_type") == "bad_json");
  }
  REQUIRE(bridge.send(kSource, std::string(R"({"id":"c-9","command":7,"run":"k3f9a2"})")));
  const Json reply(bridge.receive().value());
  CHECK(reply.string("/id") == "c-9");
  CHECK(reply.string("/error/error_type") == "bad_request");
  CHECK(publisher.command_stats().received == 11);
  CHECK(publisher.command_stats().refused == 6);
  CHECK(Json(bridge.ask(kSource, {"ping"})).boolean("/success"));
}

TEST_CASE("commands: a request beyond all bounds ends the connection, and the next one works") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  publisher.on_command("ping", fine, CommandThread::kLibrary);
  CHECK(Json(bridge.ask(kSource, {"ping"})).boolean("/success"));
  REQUIRE(bridge.connections() == 1);
  REQUIRE(bridge.send(kSource, std::string(20'000'000, 'x')));
  REQUIRE(wait_until([&] { return bridge.hello() && bridge.connections() == 2; }));
  REQUIRE(wait_until([&] { return connected(publisher); }));
  CHECK(answers_in_the_end(bridge));
}

TEST_CASE("commands: a bridge that comes late or comes back is found, again and again") {
  const std::string endpoint = ppo::test::free_endpoint();
  Publisher publisher(options_for(endpoint));
  publisher.on_command("ping", fine, CommandThread::kLibrary);
  CHECK_FALSE(connected(publisher));
  for (int round = 0; round < 3; ++round) {
    FakeControl bridge(endpoint);
    CHECK(answers_in_the_end(bridge));
    REQUIRE(wait_until([&] { return connected(publisher); }));
    bridge.close();
    REQUIRE(wait_until([&] { return !connected(publisher); }));
  }
}

TEST_CASE("commands: what a bridge asked before it died is neither begun nor told to the next") {
  auto first = std::make_unique<FakeControl>();
  const std::string endpoint = first->endpoint();
  Publisher publisher(options_for(endpoint));
  std::atomic<bool> begun{false};
  std::atomic<bool> go_on{false};
  std::atomic<int> waiting_ran{0};
  publisher.on_command("under_way", [&](const Command&) {
    begun = true;
    CHECK(wait_until([&] { return go_on.load(); }));
    return CommandResult::success(R"({"for":"the first"})");
  });
  publisher.on_command("waiting", [&](const Command&) {
    ++waiting_ran;
    return CommandResult::success();
  });
  std::thread training([&] { CHECK(wait_until([&] { return publisher.poll_commands() >= 1; })); });
  REQUIRE(first->send(kSource, Ask{"under_way", "{}", "c-1"}));
  REQUIRE(wait_until([&] { return begun.load(); }));
  REQUIRE(first->send(kSource, Ask{"waiting", "{}", "c-2"}));
  REQUIRE(wait_until([&] { return publisher.command_stats().received == 2; }));
  first.reset();
  REQUIRE(wait_until([&] { return !connected(publisher); }));

  FakeControl second(endpoint);
  REQUIRE(wait_until([&] { return connected(publisher); }));
  go_on = true;
  training.join();
  REQUIRE(wait_until([&] { return publisher.command_stats().unheard == 2; }));
  publisher.poll_commands();
  CHECK(waiting_ran == 0);
  // The same id means another command now, and gets its own answer.
  std::optional<std::string> answer;
  REQUIRE(wait_until([&] {
    if (!second.send(kSource, Ask{"waiting", "{}", "c-1"})) return false;
    if (publisher.wait_commands(milliseconds(500)) == 0) return false;  // lost: see above
    answer = second.receive();
    return true;
  }));
  CHECK(answer == R"({"id":"c-1","success":true,"result":{}})");
}

TEST_CASE("commands: a request that is quicker than the registrations waits for them") {
  for (int round = 0; round < 5; ++round) {
    FakeControl bridge;
    const auto start = steady_clock::now();
    Publisher publisher(options_for(bridge.endpoint()));
    bool slow = false;  // so much apart, on a busy machine, that nothing would wait for them
    std::thread program([&] {
      auto before = start + milliseconds(950);
      for (int i = 0; i < 20; ++i) {
        const auto began = steady_clock::now();
        publisher.on_command("ping-" + std::to_string(i), fine, CommandThread::kLibrary);
        const auto now = steady_clock::now();
        slow = slow || now >= before + milliseconds(50) || now >= start + milliseconds(1000);
        before = began;
        std::this_thread::sleep_for(milliseconds(2));
      }
    });
    const Json answer(bridge.ask(kSource, {"ping-19"}));
    program.join();
    CHECK((slow || answer.boolean("/success")));
  }
}

TEST_CASE("commands: a restarted program takes its place over from one that still seems there") {
  FakeControl bridge;
  Publisher before(options_for(bridge.endpoint()));
  before.on_command("ping", fine, CommandThread::kLibrary);
  CHECK(Json(bridge.ask(kSource, {"ping"})).boolean("/success"));
  before.close();
  PublisherOptions options = options_for(bridge.endpoint());
  options.run = "next";
  Publisher after(options);
  after.on_command("ping", fine, CommandThread::kLibrary);
  REQUIRE(wait_until([&] { return connected(after); }));
  CHECK(answers_in_the_end(bridge, {"ping", "{}", "c-1", "next"}));
  CHECK(Json(bridge.ask(kSource, {"ping"})).string("/error/message") ==
        "the command is for run 'k3f9a2'; this is run 'next'");
}

TEST_CASE("commands: closing answers what waits, lets the last answer leave, and is bounded") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  publisher.on_command("stop", fine);
  publisher.on_command("never", fine);
  REQUIRE(bridge.send(kSource, Ask{"stop", "{}", "c-1"}));
  REQUIRE(wait_until([&] { return publisher.poll_commands() == 1; }));
  REQUIRE(bridge.send(kSource, Ask{"never", "{}", "c-2"}));
  REQUIRE(wait_until([&] { return publisher.command_stats().received == 2; }));
  const auto start = steady_clock::now();
  publisher.close();
  publisher.close();
  CHECK(steady_clock::now() - start < seconds(20));
  CHECK(Json(bridge.receive().value()).string("/id") == "c-1");
  const Json refused(bridge.receive().value());
  CHECK(refused.string("/id") == "c-2");
  CHECK(refused.string("/error/message") == "this source is closing");
  CHECK(publisher.poll_commands() == 0);
  CHECK(publisher.wait_commands(seconds(60)) == 0);  // at once
  CHECK(steady_clock::now() - start < seconds(40));
}

TEST_CASE("commands: closing takes no time without a bridge, nor with one that is stuck") {
  Publisher alone(options_for(ppo::test::free_endpoint()));
  alone.on_command("ping", fine, CommandThread::kLibrary);
  auto start = steady_clock::now();
  alone.close();
  CHECK(steady_clock::now() - start < seconds(20));

  FakeControl bridge("tcp://127.0.0.1:*", 1);  // never reads
  Publisher publisher(options_for(bridge.endpoint()));
  publisher.on_command(
      "much",
      [](const Command&) {
        return CommandResult::success("{\"x\":\"" + std::string(900'000, 'x') + "\"}");
      },
      CommandThread::kLibrary);
  constexpr int kAsked = 30;  // more answers than the system's buffers hold
  for (int i = 0; i < kAsked; ++i) REQUIRE(bridge.send(kSource, Ask{"much"}));
  REQUIRE(wait_until([&] {
    const ppo::CommandStats stats = publisher.command_stats();
    // A slow machine is too late for some, or takes the bridge for gone.
    return stats.executed + stats.refused + stats.unheard >= kAsked;
  }));
  start = steady_clock::now();
  publisher.close();
  CHECK(steady_clock::now() - start < seconds(20));
}
