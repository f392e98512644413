// Handlers that end what they are part of: the publisher, or the program.
#include <doctest/doctest.h>
#include <ppo_publisher/publisher.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include "fake_control.h"
#include "support/json.h"
#include "support/process.h"
#include "support/wait.h"

using ppo::Command;
using ppo::CommandResult;
using ppo::CommandThread;
using ppo::Publisher;
using ppo::test::Ask;
using ppo::test::FakeControl;
using ppo::test::kSource;
using ppo::test::options_for;
using std::chrono::milliseconds;
using testing_support::Json;
using testing_support::Process;
using testing_support::wait_until;

TEST_CASE("handlers: one on the library's thread that closes the publisher is answered as done") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  REQUIRE(publisher.on_command(
      "stop",
      [&](const Command&) {
        publisher.close();
        publisher.close();
        return CommandResult::success(R"({"state":"stopping"})");
      },
      CommandThread::kLibrary));
  const Json reply(bridge.ask(kSource, {"stop"}));
  CHECK(reply.boolean("/success"));
  CHECK(reply.string("/result/state") == "stopping");
  CHECK_FALSE(publisher.publish("tick", "{}"));
  CHECK_FALSE(
      publisher.on_command("pause", [](const Command&) { return CommandResult::success(); }));
  publisher.close();
  CHECK_FALSE(publisher.command_stats().connected);
}

TEST_CASE("handlers: one that is polled and closes the publisher is answered as done") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  publisher.on_command("stop", [&](const Command&) {
    publisher.close();
    publisher.poll_commands();  // and one that looks for more meanwhile changes nothing
    return CommandResult::success();
  });
  REQUIRE(bridge.send(kSource, Ask{"stop", "{}", "c-1"}));
  REQUIRE(bridge.send(kSource, Ask{"stop", "{}", "c-2"}));
  REQUIRE(wait_until([&] { return publisher.command_stats().received == 2; }));
  CHECK(publisher.poll_commands() == 1);
  std::string done;
  std::string refused;
  for (int i = 0; i < 2; ++i) {
    const std::string reply = bridge.receive().value();
    (Json(reply).boolean("/success") ? done : refused) = reply;
  }
  CHECK(Json(done).string("/id") == "c-1");
  CHECK(Json(refused).string("/id") == "c-2");
  CHECK(Json(refused).string("/error/message") == "this source is closing");
  CHECK_FALSE(publisher.command_stats().connected);  // nothing is left to be closed
}

TEST_CASE("handlers: one closes while the program closes, too") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  std::atomic<bool> begun{false};
  std::atomic<bool> closing{false};
  publisher.on_command(
      "stop",
      [&](const Command&) {
        begun = true;
        CHECK(wait_until([&] { return closing.load(); }));
        publisher.close();
        return CommandResult::success();
      },
      CommandThread::kLibrary);
  REQUIRE(bridge.send(kSource, Ask{"stop"}));
  REQUIRE(wait_until([&] { return begun.load(); }));
  closing = true;
  publisher.close();
  CHECK(Json(bridge.receive().value()).boolean("/success"));
}

TEST_CASE("handlers: a program whose handler exits ends with its code") {
  for (const std::string thread : {"library", "polled"}) {
    CAPTURE(thread);
    FakeControl bridge;
    Process program({PPO_EXIT_IN_HANDLER_PATH, bridge.endpoint(), thread});
    REQUIRE(bridge.send(kSource, Ask{"quit"}));
    const auto code = program.wait_exit(std::chrono::seconds(20));
    INFO(program.stderr_text());
    CHECK(code.value_or(-1) == 7);
  }
}

TEST_CASE("handlers: who waits for a command for ever gets it") {
  FakeControl bridge;
  Publisher publisher(options_for(bridge.endpoint()));
  publisher.on_command("pause", [](const Command&) { return CommandResult::success(); });
  for (const milliseconds timeout : {milliseconds::max(), milliseconds::max() / 1000,
                                     milliseconds(std::chrono::hours(24 * 36500))}) {
    std::atomic<bool> returned{false};
    std::thread training([&] {
      CHECK(publisher.wait_commands(timeout) == 1);
      returned = true;
    });
    std::this_thread::sleep_for(milliseconds(50));
    CHECK_FALSE(returned);
    CHECK(Json(bridge.ask(kSource, {"pause"})).boolean("/success"));
    training.join();
  }
  CHECK(publisher.wait_commands(milliseconds::min()) == 0);
}

TEST_CASE("handlers: without commands, who waits for one is let go by close()") {
  Publisher publisher(options_for(""));
  std::thread training([&] { CHECK(publisher.wait_commands(milliseconds::max()) == 0); });
  std::this_thread::sleep_for(milliseconds(20));
  publisher.close();
  training.join();
  CHECK(publisher.wait_commands(milliseconds::max()) == 0);
}
