// `ppo-bridge config check|show|explain|schema`: what the configuration comes to, and why.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "app/config.h"

namespace bridge {

// Declares the subcommands. `cli` and `sources`, which are complete once run() is called, must outlive it.
class ConfigCommands {
 public:
  ConfigCommands(CLI::App& cli, const ConfigSources& sources);

  // Whether the command line asks for one of them.
  bool given() const { return config_->parsed(); }
  // Does it and returns the program's exit code: 0, 1 (cannot write), 2 (wrong).
  int run();

 private:
  int explain();

  const ConfigSources& sources_;
  CLI::App* config_;
  CLI::App* check_;
  CLI::App* show_;
  CLI::App* explain_;
  bool changed_ = false;
  bool files_ = false;
  std::string key_;
};

}  // namespace bridge
