// The command line.
#pragma once

#include <string>
#include <variant>

#include "ppo-bot/bot.h"

namespace bot {

struct Options {
  BotOptions bot;
  bool json = false;
};

// Nothing to do but to say `text` and to end: help, version or a mistake.
struct Leave {
  ExitCode code = kExitOk;
  std::string text;  // to stdout where the code is kExitOk, else to stderr
};

// Reads the command line and the environment (PPO_TOKEN, PPO_TOKEN_FILE, PPO_CURVE_FILE).
std::variant<Options, Leave> parse_options(int argc, const char* const* argv);

}  // namespace bot
