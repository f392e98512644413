// `ppo-bridge curve create|add|list|revoke`: key pairs for ZeroMQ, and their lines in the file of credentials.
#pragma once

#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include "app/credential_commands.h"

namespace bridge {

class CurveCommands {
 public:
  // Adds them to the program's own. `credentials` and `server_key` find the files when a command is run. Lives as
  // long as `cli`.
  CurveCommands(CLI::App& cli, CredentialsPath credentials, CredentialsPath server_key, CredentialsPath roles,
                CredentialsPath audit);

  // Whether one of them was given.
  bool given() const { return curve_->parsed(); }
  // Runs it: 0 done, 1 a file cannot be used, 2 wrong arguments. Says why on stderr.
  int run();

 private:
  Result<std::string> credentials() const;
  Result<std::string> server_key() const;
  int create_server();
  int create();
  int add();

  const CredentialsPath default_credentials_;
  const CredentialsPath default_server_key_;
  RolesFile roles_;
  const CredentialsPath audit_;
  CLI::App* curve_;
  CLI::App* create_;
  CLI::App* add_;
  CLI::App* list_;
  CLI::App* revoke_;
  std::string credentials_file_;
  std::string server_file_;
  std::string out_;
  CredentialRequest request_{"", "", "never", ""};
  std::string public_key_;
  std::string id_;
  std::string all_of_;
  bool json_ = false;
};

}  // namespace bridge
