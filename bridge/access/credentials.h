// The file of credentials: who may attach, as `ppo-bridge token` and `ppo-bridge curve` write it and the bridge reads it.
//
// One credential a line, separated by tabs; lines that begin with # stay as they are:
//     token <name> <role> <id> sha256:<64 hex> <created> <expires, or -> <note>
//     curve <name> <role> <id> <public key, 40 characters Z85> <created> <expires, or -> <note>
// with times as in 2026-11-26T18:00:00Z. No secret is in it: only what one is recognised by.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "access/access.h"
#include "base/result.h"

namespace bridge {

inline constexpr std::size_t kCredentialsMax = 10'000;
inline constexpr std::size_t kCredentialNoteBytesMax = 128;

struct Credential {
  std::string name;
  std::string role;    // its name; that it is there is not said
  std::string id;      // 8 characters
  std::string sha256;  // of the token, 64 hex digits in lower case; of a key empty
  std::int64_t created_s = 0;
  std::int64_t expires_s = 0;  // 0: never
  std::string note;
  std::string public_key = {};  // of CURVE; of a token empty

  bool is_key() const { return !public_key.empty(); }
};

// Whether it has the form of a CURVE key: 40 characters of Z85 (ZeroMQ RFC 32).
bool is_curve_key(std::string_view text);

// Throws std::runtime_error where the system has no random bytes.
std::string make_credential_id();

// A token, `ppo1_<8: id>_<43: 32 random bytes, base64url (RFC 4648 section 5)>`, and what is kept of it.
struct NewToken {
  std::string text;
  std::string id;
  std::string sha256;
};
// Throws std::runtime_error where the system has no random bytes.
NewToken make_token();

// "2026-11-26T18:00:00Z", and back; nothing where it is none.
std::string utc_text(std::int64_t seconds);
Result<std::int64_t> parse_utc(std::string_view text);

// All credentials of a file. Immutable: threads share it.
class Credentials {
 public:
  Credentials() = default;

  // Fails with the number of the line and what is wrong with it. Its roles are the built-in ones, until bind().
  static Result<Credentials> parse(std::string_view text);
  // Reads the file, as read_private_file(); one that is not there holds none.
  static Result<Credentials> load(const std::string& path);
  // From now on they have these roles. Returns those whose role is none of them; nobody is found by them.
  std::vector<Credential> bind(const Roles& roles);

  // The identity of a token; null where it is none of these, or has expired. Takes as long for a wrong one.
  std::shared_ptr<const Access> find(std::string_view token, std::int64_t now_s) const;
  // The identity of who has shown that he has the secret to this public key; null where it is none of these, or has
  // expired.
  std::shared_ptr<const Access> find_key(std::string_view public_key, std::int64_t now_s) const;
  // What the credential of that id says now; null where it is gone, or has expired.
  std::shared_ptr<const Access> by_id(std::string_view id, std::int64_t now_s) const;

  const std::vector<Credential>& all() const { return all_; }

 private:
  std::shared_ptr<const Access> good(std::size_t at, std::int64_t now_s) const;
  std::size_t with_id(std::string_view id) const;  // the end where there is none

  std::vector<Credential> all_;  // by id
  std::unordered_map<std::string, std::size_t> by_key_;
  std::vector<std::shared_ptr<const Access>> accesses_;  // of each; null: it has no role
};

// Changes a file of credentials: holds a lock on FILE.lock, and replaces the file as a whole.
// `change` gets its lines and returns those that are to stand in it, or a failure, which leaves it as it is.
using CredentialLines = std::vector<std::string>;
Result<bool> edit_credentials(const std::string& path,
                              const std::function<Result<CredentialLines>(CredentialLines)>& change);

std::string credential_line(const Credential& credential);

}  // namespace bridge
