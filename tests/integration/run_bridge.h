// The bridge's program, run to its end.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "support/process.h"

namespace testing_support {

struct Ended {
  int code = -1;
  std::string out;  // lines, each with its newline
  std::string err;
};

// $PPO_BRIDGE_BIN with these arguments; `environment`: what else stands in its own, as NAME=VALUE.
inline Ended run_bridge(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
  arguments.insert(arguments.begin(), std::getenv("PPO_BRIDGE_BIN"));
  ProcessOptions options;
  options.environment = std::move(environment);
  options.environment.push_back("PPO_BRIDGE_JOURNAL_PATH=");
  Process process(arguments, options);
  const auto code = process.wait_exit();
  REQUIRE(code);
  std::string out;
  for (const auto& line : process.stdout_lines()) out += line + "\n";
  return {*code, out, process.stderr_text()};
}

}  // namespace testing_support
