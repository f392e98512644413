// Who a token or a key belongs to, by the file of credentials as it is now.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "access/credentials.h"
#include "base/clock.h"

namespace bridge {

// reload() and changed() on one thread, everything else on any. Outlives whoever asks it.
class Authenticator {
 public:
  Authenticator(std::string path, const Clock& clock) : path_(std::move(path)), clock_(clock) {}

  // Reads the file anew. A failure leaves all as it was.
  Result<bool> reload();
  // Whether the file is another one than at the last reload(), by its inode, size and time. Call about once a second.
  bool changed() const;

  // Null where the token is wrong, revoked or expired.
  std::shared_ptr<const Access> find(std::string_view token) const;
  // The same of a CURVE public key (Z85), and of a credential's id.
  std::shared_ptr<const Access> find_key(std::string_view public_key) const;
  std::shared_ptr<const Access> by_id(std::string_view id) const;
  // The same of a connection that is there already; null where its credential is no longer good.
  std::shared_ptr<const Access> again(const Access& access) const;

  std::int64_t now_s() const { return clock_.wall_us() / 1'000'000; }
  // Grows with each reload().
  std::uint64_t version() const { return version_.load(); }

 private:
  std::string stamp() const;

  const std::string path_;
  const Clock& clock_;
  std::shared_ptr<const Credentials> credentials_ = std::make_shared<const Credentials>();  // by atomic_load
  std::string stamp_;
  std::atomic<std::uint64_t> version_{0};
};

// The token of an `Authorization: Bearer` header (RFC 6750 section 2.1); empty where it is none.
std::string_view bearer_token(std::string_view header);

}  // namespace bridge
