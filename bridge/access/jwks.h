// The keys by which JSON Web Tokens are judged: a JWKS file (RFC 7517).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <rapidjson/document.h>

#include "base/result.h"

namespace bridge {

inline constexpr std::size_t kJwtKeysMax = 32;
inline constexpr std::size_t kJwksBytesMax = 256 * 1024;

// A key's kind has one algorithm (RFC 7518, RFC 8037): oct HS256, RSA RS256, P-256 ES256, Ed25519 EdDSA.
enum class JwtAlgorithm : std::uint8_t { hs256, rs256, es256, eddsa };
std::string_view jwt_algorithm_name(JwtAlgorithm algorithm);

struct JwtKey {
  std::string kid;  // may be empty where there is one key
  JwtAlgorithm algorithm = JwtAlgorithm::hs256;
  std::string secret;                    // of HS256
  std::shared_ptr<EVP_PKEY> public_key;  // of the others
  std::string id;                        // by which it is known again, whatever its kid

  // Whether the bytes are its signature of the text (RFC 7518, 3; RFC 8037, 3.1).
  bool has_signed(std::string_view text, std::string_view signature) const;
};

// Immutable: threads share it.
class JwtKeys {
 public:
  // Keys for encryption, and of kinds that are not known here, are passed over (RFC 7517, 5); one that is known and
  // wrong or too weak is a failure, and so is a set without any.
  static Result<JwtKeys> parse(std::string_view text);

  // By what a token's header says, `kid` null where it says nothing. Null where it is none of these: of several keys a
  // token must name one, and never by an algorithm that is not the key's.
  const JwtKey* find(std::string_view algorithm, const std::string* kid) const;
  const JwtKey* with_id(std::string_view id) const;
  // There is a key among them that must stay secret.
  bool has_secret() const;
  const std::vector<JwtKey>& all() const { return keys_; }

 private:
  std::vector<JwtKey> keys_;
};

// An object as JOSE wants it: UTF-8, no name twice, at most 8 levels. The failure goes on behind a name.
Result<rapidjson::Document> read_jose_object(std::string_view text);
// Null where it is missing or no string.
const rapidjson::Value* jose_string(const rapidjson::Value& object, const char* name);

}  // namespace bridge
