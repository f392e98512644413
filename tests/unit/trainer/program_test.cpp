// The ppo-trainer program as its users run it.
#include <chrono>
#include <csignal>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/process.h"

using testing_support::Process;

namespace {

struct Run {
  int exit_code = -1;
  std::vector<std::string> out;
  std::string err;
};

Run run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), PPO_TRAINER_PATH);
  Process process(std::move(arguments));
  Run run;
  run.exit_code = process.wait_exit(std::chrono::seconds(60)).value_or(-1000);
  run.out = process.stdout_lines();
  run.err = process.stderr_text();
  return run;
}

const std::vector<std::string> kShort = {
    "--agents", "1",        "--steps",           "300",       "--eval-episodes",
    "2",        "--events", "tcp://127.0.0.1:9", "--control", "tcp://127.0.0.1:9"};

std::vector<std::string> with(std::vector<std::string> base, const std::vector<std::string>& more) {
  base.insert(base.end(), more.begin(), more.end());
  return base;
}

}  // namespace

TEST_CASE("program: a bad flag or address ends it with 2 and one line") {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {"--agents", "0"}, {"--bogus"}, {"--control", "nowhere"}, {"--events", "nowhere"}}) {
    CAPTURE(arguments.front());
    const Run bad = run(arguments);
    CHECK(bad.exit_code == 2);
    CHECK(bad.out.empty());
    CHECK(bad.err.rfind("ppo-trainer: ", 0) == 0);
    CHECK(bad.err.find('\n') == bad.err.size() - 1);
  }
}

TEST_CASE("program: the last line on stdout is the result, the same for a seed, published or not") {
  const Run first = run(kShort);
  CHECK(first.exit_code == 0);
  REQUIRE(first.out.size() == 1);
  CHECK(first.out.back().rfind("result trained=", 0) == 0);
  CHECK(first.err.find("(100 %)") != std::string::npos);
  const Run second = run(with(kShort, {"--no-publish", "--quiet"}));
  CHECK(second.out == first.out);
  CHECK(second.err.empty());
}

TEST_CASE("program: SIGINT and SIGTERM stop it at once, with a line and exit code 0") {
  for (const int number : {SIGINT, SIGTERM}) {
    Process process({PPO_TRAINER_PATH, "--steps", "1000000000", "--pace", "50", "--agents", "1",
                     "--events", "tcp://127.0.0.1:9", "--no-commands"});
    REQUIRE(testing_support::wait_until([&] {
      std::ifstream tasks("/proc/" + std::to_string(process.pid()) + "/status");
      for (std::string line; std::getline(tasks, line);) {
        if (line.rfind("SigCgt:", 0) == 0) {
          return (std::stoull(line.substr(7), nullptr, 16) & (1ull << (SIGTERM - 1))) != 0;
        }
      }
      return false;
    }));
    process.signal(number);
    CHECK(process.wait_exit() == 0);
    CHECK(process.stdout_lines().empty());
    CHECK(process.stderr_text().find("stopped at step ") != std::string::npos);
  }
}
