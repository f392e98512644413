// What `ppo-bridge token` and `ppo-bridge curve` have in common: lines of the file of credentials, made, listed and
// taken away.
#pragma once

#include <functional>
#include <string>

#include <CLI/CLI.hpp>

#include "access/credentials.h"
#include "base/result.h"

namespace bridge {

// Where to find the file when a command is run.
using CredentialsPath = std::function<Result<std::string>()>;

// Which roles there are besides the built-in ones: `file`, or where that is empty what the configuration says.
struct RolesFile {
  std::string file;
  CredentialsPath configured;

  Result<Roles> load() const;
};

// Where the files are of which the commands tell and which they edit, if no option says so.
struct CredentialFiles {
  CredentialsPath credentials;
  CredentialsPath roles;
  CredentialsPath audit;  // to which it is told too; a file that cannot be written is said on stderr, and all
};

enum class CredentialKind { token, key };

struct CredentialRequest {
  std::string name;
  std::string role;
  std::string expires;  // never, or like 90d
  std::string note;
};

// Says why on stderr; returns `code`.
int fail_command(int code, const std::string& message);

// Without an id, and what it is recognised by. A failure names the argument.
Result<Credential> new_credential(const CredentialRequest& request, const RolesFile& roles);
// `audit`: see CredentialFiles.
Result<bool> add_credential(const std::string& path, const Credential& credential, const CredentialsPath& audit);
// "for ever" or "until ...".
std::string lifetime_text(const Credential& credential);

// The commands about one kind: their options, `list` and `revoke`. Lives as long as the CLI::App they are added to.
class CredentialCommands {
 public:
  // Whether one of them was given.
  bool given() const { return command_->parsed(); }

 protected:
  CredentialCommands(CLI::App& cli, CredentialKind kind, const char* about, CredentialFiles files, const char* expires);

  // The options by which one is asked for.
  void add_request(CLI::App* command, const char* whose, bool required);
  void add_list_and_revoke(const char* list_about, const char* revoke_about);

  Result<std::string> credentials() const;
  Result<Credential> asked_for() const { return new_credential(request_, roles_); }
  Result<bool> add(const std::string& path, const Credential& credential) const { return add_credential(path, credential, audit_); }
  // `list` or `revoke`, whichever was given. The program's exit code: 1 the file cannot be used, 2 wrong arguments.
  int list_or_revoke() const;

  CLI::App* const command_;
  CredentialRequest request_;

 private:
  int list(const std::string& path) const;
  int revoke(const std::string& path) const;

  const CredentialKind kind_;
  const CredentialsPath default_path_;
  RolesFile roles_;
  const CredentialsPath audit_;
  CLI::App* list_ = nullptr;
  std::string file_;
  std::string id_;
  std::string all_of_;
  bool json_ = false;
};

}  // namespace bridge
