#include "access/cookie.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "access/base64url.h"
#include "access/private_file.h"
#include "base/file.h"

namespace bridge {
namespace {

constexpr std::size_t kSecretSize = 32;
constexpr std::size_t kSignatureSize = 43;  // 32 bytes in base64url

// Nothing where it is not there.
Result<std::optional<std::string>> read_secret(const std::string& path) {
  auto secret = read_private_file(path);
  if (!secret || !secret.value()) return secret;
  if (is_open_to_others(path)) return Failure{path + " is open to others; run: chmod 600 " + path};
  if (secret.value()->size() != kSecretSize) return Failure{path + " is not 32 bytes; remove it, and another one is made"};
  return secret;
}

// Puts a whole file there, or none. "" or why it could not; one that is there meanwhile is left as it is.
std::string write_secret(const std::string& path, const std::string& secret) {
  const std::string aside = path + "." + std::to_string(::getpid());
  if (const auto written = write_private_file(aside, secret, O_EXCL); !written) return written.error().message;
  const bool linked = ::link(aside.c_str(), path.c_str()) == 0 || errno == EEXIST;
  const std::string why = linked ? "" : system_failure(path).message;
  ::unlink(aside.c_str());
  return why;
}

std::string random_secret() {
  std::string secret(kSecretSize, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(secret.data()), static_cast<int>(secret.size())) != 1) {
    throw std::runtime_error("the system gives no random bytes");
  }
  return secret;
}

}  // namespace

CookieKey::CookieKey(std::string secret, std::string why_not_kept)
    : secret_(std::move(secret)), why_not_kept_(std::move(why_not_kept)) {}

CookieKey::~CookieKey() { OPENSSL_cleanse(secret_.data(), secret_.size()); }

Result<std::shared_ptr<const CookieKey>> CookieKey::load(const std::string& path,
                                                         const std::shared_ptr<const CookieKey>& before) {
  auto there = read_secret(path);
  if (!there) return there.error();
  if (!there.value()) {
    const bool goes_on = before != nullptr && !before->why_not_kept_.empty();
    const std::string secret = goes_on ? before->secret_ : random_secret();
    std::string why = write_secret(path, secret);
    if (!why.empty()) return std::make_shared<const CookieKey>(secret, std::move(why));
    there = read_secret(path);
    if (!there) return there.error();
    if (!there.value()) return Failure{path + " has gone again"};
  }
  return std::make_shared<const CookieKey>(std::move(*there.value()));
}

std::string CookieKey::sign(const CookieClaims& claims) const {
  const std::string text =
      base64url(claims.name + "|" + claims.credential + "|" + std::to_string(claims.expires_s));
  return text + "." + signature(text);
}

std::optional<CookieClaims> CookieKey::read(std::string_view cookie) const {
  if (cookie.size() > kCookieBytesMax || cookie.size() <= kSignatureSize + 1) return std::nullopt;
  const std::string_view text = cookie.substr(0, cookie.size() - kSignatureSize - 1);
  const std::string wanted = "." + signature(text);
  if (CRYPTO_memcmp(wanted.data(), cookie.data() + text.size(), wanted.size()) != 0) return std::nullopt;
  const auto said = from_base64url(text);
  if (!said) return std::nullopt;
  const std::size_t first = said->find('|');
  const std::size_t last = said->rfind('|');
  if (first == last) return std::nullopt;
  CookieClaims claims{said->substr(0, first), said->substr(first + 1, last - first - 1)};
  const char* const end = said->data() + said->size();
  const auto [at, error] = std::from_chars(said->data() + last + 1, end, claims.expires_s);
  if (error != std::errc() || at != end) return std::nullopt;
  return claims;
}

std::string CookieKey::signature(std::string_view text) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return base64url({reinterpret_cast<const char*>(mac.data()), size});
}

}  // namespace bridge
