#include "ppo-bot/options.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/scratch_directory.h"

using namespace bot;

namespace {

std::variant<Options, Leave> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "ppo-bot");
  return parse_options(static_cast<int>(arguments.size()), arguments.data());
}

BotOptions good(const std::vector<const char*>& arguments) {
  const auto parsed = parse(arguments);
  if (const auto* leave = std::get_if<Leave>(&parsed)) FAIL(leave->text);
  return std::get<Options>(parsed).bot;
}

std::string bad(const std::vector<const char*>& arguments) {
  const auto parsed = parse(arguments);
  const auto* leave = std::get_if<Leave>(&parsed);
  return leave == nullptr ? "" : leave->text;
}

}  // namespace

TEST_CASE("options: a wrong command line is told and has a code of its own") {
  const std::vector<std::vector<const char*>> wrong = {
      {"--nonsense"},
      {"extra"},
      {"--events", "127.0.0.1:5557"},
      {"--events", "tcp://127.0.0.1"},
      {"--commands", "tcp://127.0.0.1:70000"},
      {"--commands", "tcp://:5558"},
      {"--target", "a b"},
      {"--target", ""},
      {"--prices-from", "market/\xC3\xA9"},
      {"--position-max", "0"},
      {"--exposure-max", "0"},
      {"--exposure-max", "10 parsecs"},
      {"--lot", "-1"},
      {"--min-margin", "0"},
      {"--min-margin-percent", "-0.1"},
      {"--orders-max", "9"},
      {"--max-age", "0"},
      {"--max-age", "nan"},
      {"--timeout", "61"},
      {"--exit-wait", "-1"},
      {"--dead-man", "0.5"},
      {"--check-interval", "0"},
  };
  for (const auto& arguments : wrong) {
    CAPTURE(std::string(arguments.front()));
    const auto parsed = parse(arguments);
    const auto* leave = std::get_if<Leave>(&parsed);
    REQUIRE(leave != nullptr);
    CHECK(leave->code == kExitUsage);
    CHECK_FALSE(leave->text.empty());
  }
}

TEST_CASE("options: help is no mistake, and has examples and exit codes") {
  const auto parsed = parse({"--help"});
  const auto& leave = std::get<Leave>(parsed);
  CHECK(leave.code == kExitOk);
  CHECK(leave.text.find("ppo-bot --dry-run") != std::string::npos);
  CHECK(leave.text.find("Exit codes:") != std::string::npos);
}

TEST_CASE("options: defaults are those of the protocol, and amounts are as in the game") {
  const BotOptions plain = good({});
  CHECK(plain.feed.events == "tcp://127.0.0.1:5557");
  CHECK(plain.feed.commands == "tcp://127.0.0.1:5558");
  CHECK(plain.target == "agent_0");
  CHECK(plain.prices_from.empty());
  CHECK(plain.limits.exposure_max == 10'000'000);
  CHECK(plain.dead_man.count() == 0);
  CHECK_FALSE(plain.dry_run);
  const BotOptions full =
      good({"--exposure-max", "1.5m", "--item", "Coal", "--item", "Yew logs", "--max-age", "0.25",
            "--dead-man", "10", "--orders-max", "8", "--dry-run", "--target", "trainer-1/agent_0"});
  CHECK(full.limits.exposure_max == 1'500'000);
  CHECK(full.limits.items == std::set<std::string>{"Coal", "Yew logs"});
  CHECK(full.limits.price_age_max == milliseconds(250));
  CHECK(full.limits.orders_max == 8);
  CHECK(full.dead_man == milliseconds(10'000));
  CHECK(full.dry_run);
  // Who trades in one trainer's market goes by its prices.
  CHECK(full.prices_from == "trainer-1");
  CHECK(good({"--target", "trainer-1/agent_0", "--prices-from", "market"}).prices_from == "market");
}

TEST_CASE("options: the token comes from a file or the environment") {
  for (const char* name : {"PPO_TOKEN", "PPO_BRIDGE_TOKEN"}) {
    setenv(name, "secret", 1);
    CHECK(good({}).feed.token == "secret");
    unsetenv(name);
  }
  const testing_support::ScratchDirectory scratch;
  const std::string file = scratch.file("token");
  std::ofstream(file) << "of-file\n";
  REQUIRE(::chmod(file.c_str(), 0600) == 0);
  setenv("PPO_TOKEN", "secret", 1);
  CHECK(good({"--token-file", file.c_str()}).feed.token == "of-file");
  unsetenv("PPO_TOKEN");
  setenv("PPO_TOKEN_FILE", file.c_str(), 1);
  CHECK(good({}).feed.token == "of-file");
  unsetenv("PPO_TOKEN_FILE");
  CHECK(bad({"--token-file", "/nowhere/token"}).find("No such file") != std::string::npos);
  REQUIRE(::chmod(file.c_str(), 0644) == 0);
  CHECK(bad({"--token-file", file.c_str()}).find("chmod 600") != std::string::npos);
  REQUIRE(::chmod(file.c_str(), 0600) == 0);
  std::ofstream(file) << "two words";
  CHECK(bad({"--token-file", file.c_str()}).find("holds no token") != std::string::npos);
}
