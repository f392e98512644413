// `ppo-bridge setup --listen HOST`: all that a bridge beyond loopback needs, in one folder, and what to copy where.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/credential_commands.h"

namespace bridge {

class SetupCommand {
 public:
  // Adds it to the program's own. `credentials`: the configured file, beside which all is written. Lives as long as `cli`.
  SetupCommand(CLI::App& cli, CredentialsPath credentials);

  bool given() const { return setup_->parsed(); }
  // Runs it: 0 done, 1 a file cannot be written or is there already, 2 wrong arguments. Says why on stderr. Nothing is
  // ever overwritten: where any of the files is there, none is written.
  int run();

 private:
  const CredentialsPath default_credentials_;
  CLI::App* setup_;
  std::string listen_;
  std::vector<std::string> hosts_;
  std::string directory_;
  int days_ = 825;
};

}  // namespace bridge
