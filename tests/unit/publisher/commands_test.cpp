// Commands over a real control channel: who asks gets one answer, and handlers run where they may.
#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <zmq.hpp>

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
using std::chrono::steady_clock;
using testing_support::Json;
using testing_support::wait_until;

namespace {

CommandResult echo(const Command& command) {
  return CommandResult::success("{\"name\":\"" + command.name + "\",\"agent_id\":\"" +
                                command.agent_id + "\",\"params\":" + command.params + "}");
}

// The answer to a command whose handler is polled for here.
Json polled(FakeControl& bridge, Publisher& publisher, const Ask& ask) {
  REQUIRE(bridge.send(kSource, ask));
  REQUIRE(wait_until([&] { return publisher.poll_commands() == 1; }));
  return Json(bridge.receive().value());
}

void check_refused(const std::string& reply, const std::string& type, const std::string& message) {
  const Json json(reply);
  CHECK_FALSE(json.boolean("/success"));
  CHECK(json.string("/error/error_type") == type);
  CHECK(json.string("/error/message") == message);
}

}  // namespace

TEST_CASE("commands: what cannot be registered is refused, and why is said") {
  Publisher publisher(options_for(""));
  CHECK_FALSE(publisher.on_command("pause", echo));
  CHECK(publisher.command_error() == "control is empty; must be a ZeroMQ address");
  CHECK_FALSE(publisher.command_stats().connected);

  Publisher other(options_for(ppo::test::free_endpoint()));
  CHECK_FALSE(other.on_command("_replay", echo));
  CHECK(other.command_error().find("the command '_replay' must be 1-64 of") == 0);
  CHECK_FALSE(other.on_command("pause", nullptr));
  CHECK(other.command_error() == "the handler of 'pause' is empty");
  CHECK(other.on_command("pause", echo));
  CHECK(other.command_error() == "");
  other.close();
  CHECK_FALSE(other.on_command("resume", echo));
  CHECK(other.command_error() == "the publisher is closed");

  Publisher nowhere(options_for("nowhere"));
  CHECK(nowhere.error() == "");  // events are not touched by it
  CHECK_FALSE(nowhere.on_command("pause", echo));
  CHECK(nowhere.command_error().find("control nowhere: ") == 0);
  CHECK(nowhere.publish("tick", "{}"));
}

TEST_CASE("commands: a polled handler runs on the polling thread, its result goes back") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  std::thread::id where;
  REQUIRE(publisher.on_command("pause", [&](const Command& command) {
    where = std::this_thread::get_id();
    CHECK(command.deadline > steady_clock::now());
    return echo(command);
  }));
  CHECK(publisher.poll_commands() == 0);
  Ask ask{"pause", R"({"why":"é"})", "c-17"};
  ask.agent_id = "agent_0";
  const Json reply = polled(bridge, publisher, ask);
  CHECK(
      reply.text() ==
      R"({"id":"c-17","success":true,"result":{"name":"pause","agent_id":"agent_0","params":{"why":"é"}}})");
  CHECK(where == std::this_thread::get_id());
  const ppo::CommandStats stats = publisher.command_stats();
  CHECK(stats.connected);
  CHECK(stats.received == 1);
  CHECK(stats.executed == 1);
  CHECK(stats.refused == 0);
}

TEST_CASE("commands: a handler on the library's thread needs no polling") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  std::atomic<std::thread::id> where{};
  REQUIRE(publisher.on_command(
      "ping",
      [&](const Command& command) {
        where = std::this_thread::get_id();
        return echo(command);
      },
      CommandThread::kLibrary));
  const Json reply(bridge.ask(kSource, {"ping"}));
  CHECK(reply.boolean("/success"));
  CHECK(where.load() != std::this_thread::get_id());
}

TEST_CASE("commands: what a handler starts, or one who is told of trouble, hears the signals that the program hears") {
  const auto blocked = [] {  // which a program inherits that is started from here
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    std::set<int> signals;
    for (int signal = 1; signal < NSIG; ++signal) {
      if (sigismember(&mask, signal) == 1) signals.insert(signal);
    }
    return signals;
  };
  const std::set<int> usual = blocked();
  FakeControl bridge;
  zmq::context_t context;
  zmq::socket_t locked(context, zmq::socket_type::sub);  // takes keys only
  char key[41];
  char secret[41];
  REQUIRE(zmq_curve_keypair(key, secret) == 0);
  locked.set(zmq::sockopt::curve_server, true);
  locked.set(zmq::sockopt::curve_secretkey, secret);
  locked.bind("tcp://127.0.0.1:*");
  std::promise<std::set<int>> in_handler;
  std::promise<std::set<int>> in_trouble;
  PublisherOptions options = options_for(bridge.endpoint());
  options.endpoint = locked.get(zmq::sockopt::last_endpoint);
  options.on_trouble = [&](const std::string&) { in_trouble.set_value(blocked()); };
  Publisher publisher(options);
  REQUIRE(publisher.on_command(
      "start",
      [&](const Command& command) {
        in_handler.set_value(blocked());
        return echo(command);
      },
      CommandThread::kLibrary));
  CHECK(Json(bridge.ask(kSource, {"start"})).boolean("/success"));
  CHECK(in_handler.get_future().get() == usual);
  auto told = in_trouble.get_future();
  REQUIRE(told.wait_for(std::chrono::seconds(20)) == std::future_status::ready);
  CHECK(told.get() == usual);
}

TEST_CASE("commands: a handler's refusal and whatever it throws are answered as rejected") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  publisher.on_command("no", [](const Command&) { return CommandResult::rejected("not \"now\""); });
  publisher.on_command("throws",
                       [](const Command&) -> CommandResult { throw std::runtime_error("broken"); });
  publisher.on_command("throws_int", [](const Command&) -> CommandResult { throw 7; });
  publisher.on_command("nonsense", [](const Command&) { return CommandResult::success("7"); });
  check_refused(polled(bridge, publisher, {"no"}).text(), "rejected", "not \"now\"");
  check_refused(polled(bridge, publisher, {"throws"}).text(), "rejected", "broken");
  check_refused(polled(bridge, publisher, {"throws_int"}).text(), "rejected", "the handler failed");
  check_refused(polled(bridge, publisher, {"nonsense"}).text(), "rejected",
                "the result is not a JSON object");
  CHECK(publisher.command_stats().executed == 4);
}

TEST_CASE("commands: unknown, another run's and late commands are refused and never run") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  int ran = 0;
  publisher.on_command("pause", [&](const Command& command) {
    ++ran;
    return echo(command);
  });
  check_refused(bridge.ask(kSource, {"resume"}), "unknown_command",
                "there is no command 'resume' here");
  check_refused(bridge.ask(kSource, {"pause", "{}", "c-2", "older"}), "rejected",
                "the command is for run 'older'; this is run 'k3f9a2'");
  check_refused(bridge.ask(kSource, {"pause", "{}", "c-3", "k3f9a2", 0}), "timeout",
                "deadline passed; not carried out");
  // Nobody polls: the library answers when the time is over, and then it is too late.
  check_refused(bridge.ask(kSource, {"pause", "{}", "c-4", "k3f9a2", 30}), "timeout",
                "not polled in time; not carried out");
  CHECK(publisher.poll_commands() == 0);
  CHECK(ran == 0);
  const ppo::CommandStats stats = publisher.command_stats();
  CHECK(stats.received == 4);
  CHECK(stats.refused == 4);
  CHECK(stats.late == 2);
  CHECK(stats.executed == 0);
}

TEST_CASE("commands: more than may wait are busy at once; the others are answered when polled") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  publisher.on_command("pause", echo);
  constexpr int kAsked = static_cast<int>(ppo::kCommandsWaitingMax) + 10;
  for (int i = 0; i < kAsked; ++i) {
    REQUIRE(bridge.send(kSource, Ask{"pause", "{}", "c-" + std::to_string(i)}));
  }
  for (int i = 0; i < 10; ++i) {
    check_refused(bridge.receive().value(), "busy", "64 commands wait already");
  }
  CHECK(publisher.poll_commands() == ppo::kCommandsWaitingMax);
  for (std::size_t i = 0; i < ppo::kCommandsWaitingMax; ++i) {
    const Json reply(bridge.receive().value());
    CHECK(reply.boolean("/success"));
    CHECK(reply.string("/id") == "c-" + std::to_string(i));
  }
}

TEST_CASE("commands: while a handler is slow, others are answered") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  std::atomic<bool> go_on{false};
  publisher.on_command("slow", [&](const Command& command) {
    CHECK(wait_until([&] { return go_on.load(); }));
    return echo(command);
  });
  publisher.on_command("quick", echo, CommandThread::kLibrary);
  REQUIRE(bridge.send(kSource, Ask{"slow", "{}", "c-1"}));
  std::thread training([&] { CHECK(wait_until([&] { return publisher.poll_commands() == 1; })); });
  CHECK(Json(bridge.ask(kSource, {"quick", "{}", "c-2"})).string("/id") == "c-2");
  go_on = true;
  CHECK(Json(bridge.receive().value()).string("/id") == "c-1");
  training.join();
}

TEST_CASE("commands: a paused program waits for them and answers promptly") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  std::atomic<bool> paused{true};
  publisher.on_command("resume", [&](const Command& command) {
    paused = false;
    return echo(command);
  });
  std::thread training([&] {
    while (paused) publisher.wait_commands(std::chrono::seconds(60));
  });
  CHECK(Json(bridge.ask(kSource, {"resume"})).boolean("/success"));
  training.join();
  CHECK(publisher.wait_commands(milliseconds(1)) == 0);
}

TEST_CASE("commands: a thousand from a bridge, by two threads, are answered once each") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  std::atomic<int> ran{0};
  const auto count = [&](const Command& command) {
    ++ran;
    return echo(command);
  };
  publisher.on_command("polled", count);
  publisher.on_command("library", count, CommandThread::kLibrary);
  std::atomic<bool> done{false};
  std::thread training([&] {
    while (!done) publisher.wait_commands(milliseconds(10));
  });
  std::set<std::string> answered;
  constexpr int kRounds = 50;
  constexpr int kEach = 20;  // under way at a time
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kEach; ++i) {
      const std::string id = std::to_string(round * kEach + i);
      REQUIRE(bridge.send(kSource, Ask{i % 2 == 0 ? "polled" : "library", "{}", id}));
    }
    for (int i = 0; i < kEach; ++i) {
      const Json reply(bridge.receive().value());
      CHECK(reply.boolean("/success"));
      CHECK(answered.insert(reply.string("/id")).second);
    }
  }
  done = true;
  training.join();
  CHECK(answered.size() == kRounds * kEach);
  CHECK(ran == kRounds * kEach);
  CHECK_FALSE(bridge.receive(milliseconds(0)));
}
