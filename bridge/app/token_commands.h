// `ppo-bridge token create|list|revoke`: edits the file of credentials. The bridge itself reads it within a second.
#pragma once

#include "app/credential_commands.h"

namespace bridge {

class TokenCommands : public CredentialCommands {
 public:
  TokenCommands(CLI::App& cli, CredentialFiles files);

  // Runs the one that was given: 0 done, 1 the file cannot be used, 2 wrong arguments. Says why on stderr.
  int run() const { return create_->parsed() ? create() : list_or_revoke(); }

 private:
  int create() const;

  CLI::App* create_;
};

}  // namespace bridge
