#include "access/authenticator.h"

#include <algorithm>

#include "access/jwt_issuer.h"
#include "access/private_file.h"
#include "base/address.h"
#include "base/ascii.h"
#include "base/log.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr std::int64_t kMinuteUs = 60'000'000;

// The same until then at the latest; 0: as it is.
std::shared_ptr<const Access> until(const std::shared_ptr<const Access>& access, std::int64_t end_s) {
  if (access == nullptr || end_s == 0 || (access->expires_s != 0 && access->expires_s <= end_s)) return access;
  return std::make_shared<const Access>(access->name, access->role, access->credential, end_s);
}

}  // namespace

std::string Authenticator::stamp() const {
  std::string stamps = file_stamp(path_);
  for (const std::string& other : {roles_path_, jwt_options_.keys, jwt_options_.revoked}) {
    stamps += "/" + (other.empty() ? "" : file_stamp(other));
  }
  return stamps;
}

Result<bool> Authenticator::reload() {
  stamp_ = stamp();
  std::string wrong;
  bool changes = false;
  if (roles_path_.empty()) {
    roles_ = Roles();
  } else {
    auto roles = Roles::load(roles_path_);
    if (roles) {
      roles_ = std::move(roles.value());
      changes = true;
    } else {
      wrong = "auth.roles: " + roles.error().message;
    }
  }
  auto loaded = Credentials::load(path_);
  auto key = CookieKey::load(path_ + ".key", cookie_key());
  if (key) {
    std::atomic_store(&cookie_key_, key.value());
  } else {
    wrong += (wrong.empty() ? "auth.credentials: " : "; auth.credentials: ") + key.error().message;
  }
  changes = changes || loaded.ok();
  if (!loaded) {
    wrong += (wrong.empty() ? "auth.credentials: " : "; auth.credentials: ") + loaded.error().message;
    loaded = *std::atomic_load(&credentials_);
  }
  without_role_ = loaded.value().bind(roles_);
  std::atomic_store(&credentials_, std::make_shared<const Credentials>(std::move(loaded.value())));
  load_jwt(wrong);
  if (changes || !jwt_options_.keys.empty()) ++version_;
  if (!wrong.empty()) return Failure{wrong};
  return true;
}

void Authenticator::load_jwt(std::string& wrong) {
  if (jwt_options_.keys.empty()) return std::atomic_store(&jwt_, std::shared_ptr<const Jwt>());
  const auto before = std::atomic_load(&jwt_);
  auto issuer = JwtIssuer::load(jwt_options_);
  if (!issuer) wrong += (wrong.empty() ? "" : "; ") + issuer.error().message;
  if (!issuer && before == nullptr) return;
  std::atomic_store(&jwt_, std::make_shared<const Jwt>(Jwt{issuer ? issuer.value() : before->issuer, roles_}));
}

bool Authenticator::changed() const { return stamp() != stamp_; }

std::shared_ptr<const Access> Authenticator::find(std::string_view token) const {
  const auto jwt = std::atomic_load(&jwt_);
  if (jwt == nullptr || token.find('.') == std::string_view::npos) return std::atomic_load(&credentials_)->find(token, now_s());
  const auto claims = jwt->issuer->read(token, now_s());
  if (!claims) log_debug("token_refused", "a JSON Web Token is refused: {}", claims.error().message);
  return claims ? access_of(claims.value()) : nullptr;
}

void Authenticator::set_failures_per_minute_max(std::int64_t max) {
  if (failures_ == nullptr) failures_ = std::make_unique<AddressBudget>(kMinuteUs / max, max);
  failures_->set(kMinuteUs / max, max);
}

Authenticator::Attempt Authenticator::attempt(std::string_view token, std::string_view remote) const {
  if (failures_ == nullptr) return {find(token)};
  const std::string peer = peer_of(remote);
  const std::int64_t now_us = clock_.steady_us();
  const auto wait_s = [&] { return (failures_->wait_us(peer, now_us) + 999'999) / 1'000'000; };
  const bool crowded = all_failures_.wait_us({}, now_us) != 0 && !failures_->is_quiet(peer, now_us);
  // What costs a signature's check is not looked at for who was wrong too often.
  const bool signed_token = token.find('.') != std::string_view::npos;
  if (const std::int64_t wait = signed_token ? wait_s() : 0; wait != 0) return {nullptr, wait};
  if (signed_token && crowded) return {nullptr, 1, true};
  auto access = find(token);
  if (access != nullptr) return {std::move(access)};
  all_failures_.take({}, now_us);
  if (failures_->take(peer, now_us) != AddressBudget::Answer::granted) return {nullptr, std::max<std::int64_t>(1, wait_s())};
  return crowded ? Attempt{nullptr, 1, true} : Attempt{};
}

std::shared_ptr<const Access> Authenticator::access_of(const JwtClaims& claims) const {
  const auto role = std::atomic_load(&jwt_)->roles.find(claims.role);
  if (role == nullptr) {
    log_debug("token_refused", "a JSON Web Token is refused: there is no role {}", printable(claims.role));
    return nullptr;
  }
  return std::make_shared<const Access>(claims.name, role, jwt_credential(claims), claims.expires_s);
}

std::shared_ptr<const Access> Authenticator::good(std::string_view name, std::string_view credential,
                                                  std::int64_t expires_s) const {
  auto claims = claims_of_credential(credential);
  if (!claims) {
    const auto access = by_id(credential);
    return access != nullptr && access->name == name ? until(access, expires_s) : nullptr;
  }
  claims->name = name;
  claims->expires_s = expires_s;
  const auto jwt = std::atomic_load(&jwt_);
  return jwt != nullptr && expires_s > now_s() && jwt->issuer->is_good(*claims) ? access_of(*claims) : nullptr;
}

std::shared_ptr<const Access> Authenticator::find_key(std::string_view public_key) const {
  return std::atomic_load(&credentials_)->find_key(public_key, now_s());
}

std::shared_ptr<const Access> Authenticator::by_id(std::string_view id) const {
  return std::atomic_load(&credentials_)->by_id(id, now_s());
}

std::shared_ptr<const Access> Authenticator::again(const Access& access) const {
  return good(access.name, access.credential, access.expires_s);
}

std::string Authenticator::make_cookie(const Access& access, std::int64_t expires_s) const {
  const auto key = cookie_key();
  return key == nullptr ? std::string() : key->sign({access.name, access.credential, expires_s});
}

std::shared_ptr<const Access> Authenticator::find_cookie(std::string_view cookie) const {
  const auto key = cookie_key();
  const auto claims = key == nullptr ? std::nullopt : key->read(cookie);
  if (!claims || claims->expires_s <= now_s()) return nullptr;
  return good(claims->name, claims->credential, claims->expires_s);
}

std::shared_ptr<const void> Authenticator::admit(const std::string& name) const {
  return connections_.take(name, connections_max_).held;
}

std::string refusal_of(const Authenticator::Attempt& attempt) {
  if (attempt.wait_s == 0) return "the token is wrong, or no longer good";
  if (attempt.of_all) return "too many wrong tokens come in, one of them from your address; try again in 1 s";
  return "too many wrong tokens came from your address (auth.failures_per_minute_max); try again in " +
         std::to_string(attempt.wait_s) + " s";
}

std::string_view bearer_token(std::string_view header) {
  constexpr std::string_view kScheme = "bearer ";
  if (in_lower_case(header.substr(0, kScheme.size())) != kScheme) return {};
  header.remove_prefix(kScheme.size());
  header.remove_prefix(std::min(header.find_first_not_of(' '), header.size()));
  return header;
}

}  // namespace bridge
