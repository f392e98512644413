// An issuer whose JSON Web Tokens are good here: its keys, and what was revoked, as the files say now.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "access/jwt.h"
#include "base/result.h"

namespace bridge {

// Immutable: threads share it.
class JwtIssuer {
 public:
  // Reads both files, as those of credentials are; that of keys must be open to nobody else where one of them is secret.
  static Result<std::shared_ptr<const JwtIssuer>> load(const JwtOptions& options);

  // The failure tells why, without a byte of the token.
  Result<JwtClaims> read(std::string_view token, std::int64_t now_s) const;
  // Whether what was good once still is, its time apart.
  bool is_good(const JwtClaims& claims) const;

 private:
  JwtKeys keys_;
  RevokedJwts revoked_;
  JwtRules rules_;
};

// What is known of a token after it was judged, as the id of a credential: `jwt:KEY:base64url(JTI):ROLE`. And back; nothing where
// it is none. Name and expiry are not in it.
std::string jwt_credential(const JwtClaims& claims);
std::optional<JwtClaims> claims_of_credential(std::string_view credential);

}  // namespace bridge
