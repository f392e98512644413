// The program as a shell sees it: signals, exit codes, streams.

#include <csignal>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "fake_bridge.h"
#include "support/process.h"

using namespace bot_tests;
using testing_support::Process;

namespace {

Process run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), PPO_BOT);
  return Process(arguments);
}

std::vector<std::string> addresses(const FakeBridge& bridge) {
  return {"--events", bridge.events(), "--commands", bridge.commands()};
}

}  // namespace

TEST_CASE("program: exit codes, and what goes to which stream") {
  Process help = run({"--help"});
  CHECK(help.wait_exit() == 0);
  CHECK_FALSE(help.stdout_lines().empty());
  CHECK(help.stderr_text().empty());

  Process usage = run({"--max-age", "never"});
  CHECK(usage.wait_exit() == 2);
  CHECK(usage.stdout_lines().empty());
  CHECK(usage.stderr_text().find("--max-age") != std::string::npos);
}

TEST_CASE("program: SIGINT and SIGTERM end it well, with a bridge, with orders, or without") {
  for (const int signal : {SIGINT, SIGTERM}) {
    FakeBridge bridge;
    bridge.on_command([](const Question&) { return success(R"({"order":7})"); });
    Process bot = run(addresses(bridge));
    REQUIRE(testing_support::wait_until([&] { return bridge.subscribed("episode_end/"); }));
    bridge.publish(price("Twisted \x1b[31mbow", 1000, 1100));
    REQUIRE(testing_support::wait_until([&] { return !bridge.asked("place_order").empty(); }));
    bot.signal(signal);
    CHECK(bot.wait_exit() == 0);
    CHECK(bridge.asked("cancel_order").size() == 1);
    CHECK(bot.stderr_text().empty());
    // What it says is for people, and safe to show.
    const auto lines = bot.stdout_lines();
    CHECK(lines.back().find("0 orders may still stand") != std::string::npos);
    bool bought = false;
    for (const std::string& line : lines) {
      bought = bought || line.find("buy 10 Twisted ␛[31mbow at 1000 gp") != std::string::npos;
      CHECK(line.find('\x1b') == std::string::npos);
    }
    CHECK(bought);
  }
  FakeBridge gone;
  gone.stop();
  Process alone = run(addresses(gone));
  CHECK(alone.wait_line(""));
  alone.signal(SIGTERM);
  CHECK(alone.wait_exit() == 0);
}
