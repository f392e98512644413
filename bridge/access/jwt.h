// JSON Web Tokens of somebody else's issuer (RFC 7519, in the compact form of RFC 7515) as credentials.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include "access/jwks.h"
#include "access/jwt_claims.h"
#include "base/result.h"

namespace bridge {

inline constexpr std::size_t kJwtBytesMax = 4096;
inline constexpr std::int64_t kJwtLeewayS = 30;  // between the issuer's clock and ours
inline constexpr std::size_t kJwtRevokedMax = 10'000;

// Of a token whose form and header are right: which key is to have signed it, and what it says.
struct SignedText {
  const JwtKey* key = nullptr;
  std::string_view text;  // that is signed: header and payload as they came
  std::string payload;
  std::string signature;

  bool is_genuine() const { return key->has_signed(text, signature); }
};
// The failure tells why, without a byte of the token. The keys and the token outlive what is returned.
Result<SignedText> read_jws(std::string_view token, const JwtKeys& keys);

// Judges a token. What costs little comes first; the signature last.
Result<JwtClaims> read_jwt(std::string_view token, const JwtKeys& keys, const JwtRules& rules, std::int64_t now_s);

// Tokens and people that are good no longer before their time.
class RevokedJwts {
 public:
  // A line each: `jti VALUE` or `sub VALUE`; lines that begin with # and empty ones are passed over.
  static Result<RevokedJwts> parse(std::string_view text);
  bool has(std::string_view id, std::string_view name) const;

 private:
  std::set<std::string, std::less<>> ids_, names_;
};

}  // namespace bridge
