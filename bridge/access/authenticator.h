// Who a token or a key belongs to and what he may do, by the files of credentials and of roles as they are now.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "access/cookie.h"
#include "access/credentials.h"
#include "access/jwt_claims.h"
#include "base/address_budget.h"
#include "base/clock.h"
#include "base/places.h"

namespace bridge {

class JwtIssuer;

// reload() and changed() on one thread, everything else on any. Outlives whoever asks it.
class Authenticator {
 public:
  // `roles_path`: of roles besides the built-in ones; empty: none.
  Authenticator(std::string path, const Clock& clock, std::string roles_path = {}, JwtOptions jwt = {})
      : path_(std::move(path)), roles_path_(std::move(roles_path)), jwt_options_(std::move(jwt)), clock_(clock) {}

  // For the next reload().
  void set_files(std::string path, std::string roles_path, JwtOptions jwt) {
    path_ = std::move(path);
    roles_path_ = std::move(roles_path);
    jwt_options_ = std::move(jwt);
  }
  // Reads all files anew. One that is wrong leaves what is known of it as it was, and is no reason not to take the other.
  Result<bool> reload();
  // Whether one of them is another one than at the last reload(). Call about once a second.
  bool changed() const;
  // Credentials whose role is not there, as of the last reload().
  const std::vector<Credential>& without_role() const { return without_role_; }

  // Null where the token is wrong, revoked or expired.
  std::shared_ptr<const Access> find(std::string_view token) const;
  // The same of a token that somebody says from there (as peer_of() takes it). Of an address so many wrong ones are
  // answered, and from then on a JSON Web Token is not looked at; one of our own is found whatever others there said.
  // Where kFailuresPerS are wrong in all, the same holds for each address that was wrong lately.
  static constexpr std::int64_t kFailuresPerS = 50;
  struct Attempt {
    std::shared_ptr<const Access> access;  // null:
    std::int64_t wait_s = 0;               // too many were wrong, for so long; 0: this one is
    bool of_all = false;                   // not of this address alone
  };
  Attempt attempt(std::string_view token, std::string_view remote) const;
  // The first time, before the first attempt().
  void set_failures_per_minute_max(std::int64_t max);

  // The same of a CURVE public key (Z85), and of a credential's id.
  std::shared_ptr<const Access> find_key(std::string_view public_key) const;
  std::shared_ptr<const Access> by_id(std::string_view id) const;
  // The same of a connection that is there already; null where its credential is no longer good. It ends no later than it
  // was to end before.
  std::shared_ptr<const Access> again(const Access& access) const;

  // By what a browser is known again until then. REQUIRES: reload() has succeeded once.
  std::string make_cookie(const Access& access, std::int64_t expires_s) const;
  // Null where it is forged or has expired, or its credential is no longer good.
  std::shared_ptr<const Access> find_cookie(std::string_view cookie) const;
  // Its key is in `path`.key. Null before the first reload().
  std::shared_ptr<const CookieKey> cookie_key() const { return std::atomic_load(&cookie_key_); }

  // A place for one more connection of that name, held until it is let go of; null where there are as many already as
  // there may be.
  std::shared_ptr<const void> admit(const std::string& name) const;
  // Any thread; those that are there already stay.
  void set_connections_max(std::size_t max) { connections_max_ = max; }
  std::size_t connections_max() const { return connections_max_; }

  std::int64_t now_s() const { return clock_.wall_us() / 1'000'000; }
  // Grows with each reload().
  std::uint64_t version() const { return version_.load(); }

 private:
  std::string stamp() const;
  void load_jwt(std::string& wrong);
  std::shared_ptr<const Access> access_of(const JwtClaims& claims) const;
  // What that credential of that name says now; null where it is no longer good.
  std::shared_ptr<const Access> good(std::string_view name, std::string_view credential, std::int64_t expires_s) const;

  std::string path_;
  std::string roles_path_;
  JwtOptions jwt_options_;
  const Clock& clock_;
  Roles roles_;
  std::vector<Credential> without_role_;
  std::shared_ptr<const Credentials> credentials_ = std::make_shared<const Credentials>();  // by atomic_load
  std::shared_ptr<const CookieKey> cookie_key_;  // by atomic_load
  struct Jwt {
    std::shared_ptr<const JwtIssuer> issuer;
    Roles roles;
  };
  std::shared_ptr<const Jwt> jwt_;  // by atomic_load; null: none is good
  std::string stamp_;
  std::atomic<std::uint64_t> version_{0};
  std::atomic<std::size_t> connections_max_{SIZE_MAX};  // of one name
  const Places connections_;
  std::unique_ptr<AddressBudget> failures_;  // null: as many as there are
  mutable AddressBudget all_failures_{1'000'000 / kFailuresPerS, kFailuresPerS};  // as if all came from one address
};

// What somebody is told whose token is refused.
std::string refusal_of(const Authenticator::Attempt& attempt);

// The token of an `Authorization: Bearer` header (RFC 6750 section 2.1); empty where it is none.
std::string_view bearer_token(std::string_view header);

}  // namespace bridge
