// `ppo-bridge curve create|add|list|revoke`: key pairs for ZeroMQ, and their lines in the file of credentials.
#pragma once

#include <string>

#include "app/credential_commands.h"

namespace bridge {

class CurveCommands : public CredentialCommands {
 public:
  CurveCommands(CLI::App& cli, CredentialFiles files, CredentialsPath server_key);

  // Runs the one that was given: 0 done, 1 a file cannot be used, 2 wrong arguments. Says why on stderr.
  int run() const;

 private:
  Result<std::string> server_key() const;
  int create_server() const;
  int create() const;
  int add_made_elsewhere() const;

  const CredentialsPath default_server_key_;
  CLI::App* create_;
  CLI::App* add_;
  std::string server_file_;
  std::string out_;
  std::string public_key_;
};

}  // namespace bridge
