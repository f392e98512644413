// `ppo-bridge token create|list|revoke`: edits the file of credentials. The bridge itself reads it within a second.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "app/credential_commands.h"

namespace bridge {

class TokenCommands {
 public:
  // Adds them to the program's own. Lives as long as `cli`.
  TokenCommands(CLI::App& cli, CredentialsPath path, CredentialsPath roles, CredentialsPath audit);

  // Whether one of them was given.
  bool given() const { return token_->parsed(); }
  // Runs it: 0 done, 1 the file cannot be used, 2 wrong arguments. Says why on stderr.
  int run();

 private:
  Result<std::string> path() const;
  int create();
  int list();
  int revoke();

  const CredentialsPath default_path_;
  RolesFile roles_;
  const CredentialsPath audit_;
  CLI::App* token_;
  CLI::App* create_;
  CLI::App* list_;
  CLI::App* revoke_;
  std::string file_;
  std::string name_;
  std::string role_;
  std::string expires_ = "90d";
  std::string note_;
  std::string id_;
  std::string all_of_;
  bool json_ = false;
};

}  // namespace bridge
