#include "trainer/options.h"

#include <initializer_list>
#include <sstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using trainer::Options;
using trainer::parse_options;
using trainer::ParsedOptions;

namespace {

struct Parsed {
  ParsedOptions result;
  std::string out;
  std::string err;
};

Parsed parse(std::initializer_list<const char*> arguments) {
  std::vector<const char*> argv = {"ppo-trainer"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::ostringstream out;
  std::ostringstream err;
  ParsedOptions result = parse_options(static_cast<int>(argv.size()), argv.data(), out, err);
  return {std::move(result), out.str(), err.str()};
}

}  // namespace

TEST_CASE("options: a value out of range is refused in one line with option, value and range") {
  struct Bad {
    std::vector<const char*> arguments;
    std::string message;
  };
  const std::vector<Bad> all = {
      {{"--agents", "0"}, "--agents is 0; must be 1..256"},
      {{"--agents", "257"}, "--agents is 257; must be 1..256"},
      {{"--agents", "-1"}, "--agents is -1; must be 1..256"},
      {{"--steps", "0"}, "--steps is 0; must be 1..1000000000000"},
      {{"--seed", "-1"}, "--seed is -1; must be 0..9223372036854775807"},
      {{"--lr", "0"}, "--lr is 0; must be above 0..1"},
      {{"--lr", "nan"}, "--lr is nan; must be above 0..1"},
      {{"--gamma", "1.5"}, "--gamma is 1.5; must be 0..1"},
      {{"--pace", "-2"}, "--pace is -2; must be 0..1e+06"},
      {{"--detail-rate", "inf"}, "--detail-rate is inf; must be 0..1e+06"},
      {{"--eval-episodes", "0"}, "--eval-episodes is 0; must be 1..100000"},
      {{"--checkpoints", ""}, "--checkpoints is ''; must name a directory"},
      {{"--source", "a b"}, "--source is 'a b'; must be 1-64 characters of A-Z a-z 0-9 _ . : -"},
      {{"--run", "x/y"}, "--run is 'x/y'; must be 1-64 characters of A-Z a-z 0-9 _ . : -"},
  };
  for (const Bad& bad : all) {
    CAPTURE(bad.message);
    const std::string value = bad.arguments[1];
    const Parsed parsed = parse({bad.arguments[0], value.c_str()});
    CHECK_FALSE(parsed.result.options.has_value());
    CHECK(parsed.result.exit_code == trainer::kExitBadUsage);
    CHECK(parsed.err == "ppo-trainer: " + bad.message + "\n");
    CHECK(parsed.out.empty());
  }
}

TEST_CASE("options: what is no number, unknown or incomplete is refused in one line") {
  for (const auto& arguments : {std::initializer_list<const char*>{"--agents", "many"},
                                {"--steps"},
                                {"--bogus"},
                                {"--steps", "99999999999999999999"},
                                {"leftover"}}) {
    const Parsed parsed = parse(arguments);
    CHECK_FALSE(parsed.result.options.has_value());
    CHECK(parsed.result.exit_code == trainer::kExitBadUsage);
    CHECK(parsed.err.rfind("ppo-trainer: ", 0) == 0);
    CHECK(parsed.err.find('\n') == parsed.err.size() - 1);
  }
}

TEST_CASE("options: help and version go to stdout and exit with 0") {
  const Parsed help = parse({"--help"});
  CHECK_FALSE(help.result.options.has_value());
  CHECK(help.result.exit_code == 0);
  CHECK(help.out.find("--eval-episodes") != std::string::npos);
  const Parsed version = parse({"--version"});
  CHECK(version.result.exit_code == 0);
  CHECK(version.out.rfind("ppo-trainer ", 0) == 0);
}

TEST_CASE("options: defaults stand and flags replace them") {
  const Parsed none = parse({});
  REQUIRE(none.result.options.has_value());
  CHECK(none.result.options->source == "");
  CHECK(none.result.options->events == "tcp://127.0.0.1:5556");
  CHECK(none.result.options->publish);
  CHECK(none.result.options->control == "tcp://127.0.0.1:5559");
  CHECK(none.result.options->checkpoints == "./checkpoints");
  CHECK(parse({"--no-commands"}).result.options->control.empty());
  CHECK(parse({"--control", ""}).result.options->control.empty());
  const Parsed all = parse({"--agents",
                            "3",
                            "--steps",
                            "1000",
                            "--seed",
                            "9",
                            "--source",
                            "t-1",
                            "--run",
                            "r",
                            "--events",
                            "tcp://127.0.0.1:1",
                            "--control",
                            "tcp://127.0.0.1:2",
                            "--checkpoints",
                            "c",
                            "--lr",
                            "0.5",
                            "--gamma",
                            "0.9",
                            "--pace",
                            "20",
                            "--detail-rate",
                            "0",
                            "--eval-episodes",
                            "2",
                            "--no-publish",
                            "--quiet"});
  REQUIRE(all.result.options.has_value());
  const Options& options = *all.result.options;
  CHECK(options.agents == 3);
  CHECK(options.steps == 1000);
  CHECK(options.seed == 9);
  CHECK(options.source == "t-1");
  CHECK(options.run == "r");
  CHECK(options.events == "tcp://127.0.0.1:1");
  CHECK(options.control == "tcp://127.0.0.1:2");
  CHECK(options.checkpoints == "c");
  CHECK(options.learning_rate == 0.5);
  CHECK(options.gamma == 0.9);
  CHECK(options.pace == 20.0);
  CHECK(options.detail_rate == 0.0);
  CHECK(options.eval_episodes == 2);
  CHECK_FALSE(options.publish);
  CHECK(options.quiet);
}
