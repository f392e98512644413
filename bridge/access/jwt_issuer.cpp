#include "access/jwt_issuer.h"

#include <utility>

#include "access/base64url.h"
#include "access/private_file.h"

namespace bridge {
namespace {

constexpr std::string_view kJwtPrefix = "jwt:";

Result<std::string> read_needed(const char* key, const std::string& path) {
  auto text = read_private_file(path);
  if (!text) return Failure{std::string(key) + ": " + text.error().message};
  if (!text.value()) return Failure{std::string(key) + ": " + path + " is not there"};
  return std::move(*text.value());
}

}  // namespace

Result<std::shared_ptr<const JwtIssuer>> JwtIssuer::load(const JwtOptions& options) {
  auto issuer = std::make_shared<JwtIssuer>();
  const auto text = read_needed("auth.jwt_keys", options.keys);
  if (!text) return text.error();
  auto keys = JwtKeys::parse(text.value());
  if (!keys) return Failure{"auth.jwt_keys: " + options.keys + " " + keys.error().message};
  if (keys.value().has_secret() && is_open_to_others(options.keys)) {
    return Failure{"auth.jwt_keys: " + options.keys + " has a secret key (oct) and is open to others; run: chmod 600 " +
                   options.keys};
  }
  issuer->keys_ = std::move(keys.value());
  issuer->rules_ = options.rules;
  if (!options.revoked.empty()) {
    const auto list = read_needed("auth.jwt_revoked", options.revoked);
    if (!list) return list.error();
    auto revoked = RevokedJwts::parse(list.value());
    if (!revoked) return Failure{"auth.jwt_revoked: " + options.revoked + ": " + revoked.error().message};
    issuer->revoked_ = std::move(revoked.value());
  }
  return std::shared_ptr<const JwtIssuer>(std::move(issuer));
}

Result<JwtClaims> JwtIssuer::read(std::string_view token, std::int64_t now_s) const {
  auto claims = read_jwt(token, keys_, rules_, now_s);
  if (claims && !is_good(claims.value())) return Failure{"it was revoked (auth.jwt_revoked)"};
  return claims;
}

bool JwtIssuer::is_good(const JwtClaims& claims) const {
  return keys_.with_id(claims.key_id) != nullptr && !revoked_.has(claims.id, claims.name);
}

std::string jwt_credential(const JwtClaims& claims) {
  return std::string(kJwtPrefix) + claims.key_id + ":" + base64url(claims.id) + ":" + claims.role;
}

std::optional<JwtClaims> claims_of_credential(std::string_view credential) {
  if (credential.substr(0, kJwtPrefix.size()) != kJwtPrefix) return std::nullopt;
  credential.remove_prefix(kJwtPrefix.size());
  const std::size_t first = credential.find(':');
  const std::size_t second = first == std::string_view::npos ? first : credential.find(':', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  auto id = from_base64url(credential.substr(first + 1, second - first - 1));
  if (!id) return std::nullopt;
  JwtClaims claims;
  claims.key_id = credential.substr(0, first);
  claims.id = std::move(*id);
  claims.role = credential.substr(second + 1);
  return claims;
}

}  // namespace bridge
