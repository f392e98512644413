// What `ppo-bridge token` and `ppo-bridge curve` have in common: lines of the file of credentials, made, listed and
// taken away.
#pragma once

#include <functional>
#include <string>

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
// `audit`: where audit.file is had, to which it is told too; a file that cannot be written is said on stderr, and all.
Result<bool> add_credential(const std::string& path, const Credential& credential, const CredentialsPath& audit);
// "for ever" or "until ...".
std::string lifetime_text(const Credential& credential);

// These print what they did, and return the program's exit code: 1 the file cannot be used, 2 wrong arguments.
int list_credentials(const std::string& path, CredentialKind kind, bool json, const RolesFile& roles);
// By `id`, or all of that kind that `name` has.
int revoke_credentials(const std::string& path, CredentialKind kind, const std::string& id, const std::string& name,
                       const CredentialsPath& audit);

}  // namespace bridge
