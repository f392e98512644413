// By what a browser that has once said its token is known again (PROTOCOL section 10): a text that says who it is, signed
// by a key that only the bridge has. So nothing is kept of it, and a restart ends no session.
//
//     base64url(NAME|CREDENTIAL|EXPIRY).base64url(HMAC-SHA256 of what stands before the dot)
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bridge {

inline constexpr std::size_t kCookieBytesMax = 1024;

struct CookieClaims {
  std::string name;
  std::string credential;      // the id of that whose token was said
  std::int64_t expires_s = 0;  // since 1970
};

// Immutable: threads share it.
class CookieKey {
 public:
  // `secret`: 32 bytes.
  explicit CookieKey(std::string secret, std::string why_not_kept = {});
  ~CookieKey();
  CookieKey(const CookieKey&) = delete;
  CookieKey& operator=(const CookieKey&) = delete;

  // Reads the file: 32 bytes, root's or one's own, open to nobody else. One that is not there is made; where that cannot
  // be, the key is good for as long as the program runs, and why_not_kept() says why. `before`: the key so far, or null.
  static Result<std::shared_ptr<const CookieKey>> load(const std::string& path,
                                                       const std::shared_ptr<const CookieKey>& before);
  const std::string& why_not_kept() const { return why_not_kept_; }

  // REQUIRES: neither name nor credential has a `|`.
  std::string sign(const CookieClaims& claims) const;
  // Nothing where this key has not signed it. Whether it has expired is not looked at.
  std::optional<CookieClaims> read(std::string_view cookie) const;

 private:
  std::string signature(std::string_view text) const;

  std::string secret_;
  const std::string why_not_kept_;
};

}  // namespace bridge
