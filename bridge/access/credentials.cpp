#include "access/credentials.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <stdexcept>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "access/base64url.h"
#include "access/private_file.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr std::string_view kTokenPrefix = "ppo1_";
constexpr std::size_t kIdBytes = 8;
constexpr std::size_t kSecretBytes = 43;  // 32 bytes in base64url without padding
constexpr std::size_t kTokenBytes = kTokenPrefix.size() + kIdBytes + 1 + kSecretBytes;
constexpr std::string_view kIdAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::int64_t kTimeMax = 253'402'300'799;  // the end of the year 9999

std::string sha256_hex(std::string_view text) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) append_hex(byte, &hex);
  return hex;
}

bool is_hex_digest(std::string_view text) {
  return text.size() == 2 * SHA256_DIGEST_LENGTH &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string random_id() {
  std::array<unsigned char, kIdBytes> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    throw std::runtime_error("the system gives no random bytes");
  }
  std::string id;
  for (const unsigned char byte : random) id += kIdAlphabet[byte % kIdAlphabet.size()];
  return id;
}

bool is_id(std::string_view text) {
  return text.size() == kIdBytes && text.find_first_not_of(kIdAlphabet) == std::string_view::npos;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t end = text.find(at);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Result<Credential> parse_line(std::string_view line) {
  const auto fields = split(line, '\t');
  const bool is_key = fields[0] == "curve";
  if (fields.size() != 8 || (!is_key && fields[0] != "token")) {
    return Failure{"is not `token` or `curve` and seven fields behind it"};
  }
  Credential credential;
  credential.name = fields[1];
  if (!is_name(credential.name)) return Failure{"name is \"" + printable(fields[1]) + "\", which is none"};
  credential.role = fields[2];
  if (!is_name(credential.role)) return Failure{"role is \"" + printable(fields[2]) + "\", which is none"};
  credential.id = fields[3];
  if (!is_id(credential.id)) return Failure{"id is \"" + printable(fields[3]) + "\", which is none"};
  if (is_key) {
    credential.public_key = fields[4];
    if (!is_curve_key(fields[4])) return Failure{"has no public key of 40 characters (Z85)"};
  } else {
    constexpr std::string_view kHash = "sha256:";
    credential.sha256 = fields[4].substr(0, kHash.size()) == kHash ? fields[4].substr(kHash.size()) : "";
    if (!is_hex_digest(credential.sha256)) return Failure{"has no sha256:<64 hex digits>"};
  }
  const auto created = parse_utc(fields[5]);
  if (!created) return Failure{"created " + created.error().message};
  credential.created_s = created.value();
  if (fields[6] != "-") {
    const auto expires = parse_utc(fields[6]);
    if (!expires) return Failure{"expires " + expires.error().message};
    credential.expires_s = expires.value();
  }
  if (fields[7].size() > kCredentialNoteBytesMax) {
    return Failure{"note is longer than " + std::to_string(kCredentialNoteBytesMax) + " bytes"};
  }
  credential.note = fields[7];
  return credential;
}

// A file that is not there has no lines.
Result<std::string> read_file(const std::string& path) {
  auto text = read_private_file(path);
  if (!text) return text.error();
  return text.value().value_or("");
}

}  // namespace

bool is_curve_key(std::string_view text) {
  constexpr std::string_view kZ85 =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
  return text.size() == 40 && text.find_first_not_of(kZ85) == std::string_view::npos;
}

std::string make_credential_id() { return random_id(); }

NewToken make_token() {
  std::array<unsigned char, 32> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    throw std::runtime_error("the system gives no random bytes");
  }
  NewToken token;
  token.id = random_id();
  token.text = std::string(kTokenPrefix) + token.id + "_";
  token.text += base64url({reinterpret_cast<const char*>(random.data()), random.size()});
  OPENSSL_cleanse(random.data(), random.size());
  token.sha256 = sha256_hex(token.text);
  return token;
}

std::string utc_text(std::int64_t seconds) {
  const std::time_t at = static_cast<std::time_t>(seconds);
  std::tm parts{};
  std::array<char, 32> text;
  ::gmtime_r(&at, &parts);
  return std::string(text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts));
}

Result<std::int64_t> parse_utc(std::string_view text) {
  const std::string given(text);
  std::tm parts{};
  const char* const end = ::strptime(given.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  const std::time_t at = end == nullptr ? -1 : ::timegm(&parts);
  if (end == nullptr || *end != '\0' || at < 0 || at > kTimeMax || utc_text(at) != given) {
    return Failure{"is \"" + printable(text) + "\"; must be a time like 2026-11-26T18:00:00Z"};
  }
  return static_cast<std::int64_t>(at);
}

Result<Credentials> Credentials::parse(std::string_view text) {
  Credentials credentials;
  std::size_t number = 0;
  for (const std::string_view line : split(text, '\n')) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    auto credential = parse_line(line);
    if (!credential) return Failure{"line " + std::to_string(number) + " " + credential.error().message};
    credentials.all_.push_back(std::move(credential.value()));
    if (credentials.all_.size() > kCredentialsMax) {
      return Failure{"more than " + std::to_string(kCredentialsMax) + " credentials"};
    }
  }
  const auto by_id = [](const Credential& a, const Credential& b) { return a.id < b.id; };
  std::sort(credentials.all_.begin(), credentials.all_.end(), by_id);
  const auto twice = std::adjacent_find(credentials.all_.begin(), credentials.all_.end(),
                                        [](const Credential& a, const Credential& b) { return a.id == b.id; });
  if (twice != credentials.all_.end()) return Failure{"id " + twice->id + " is there twice"};
  for (std::size_t i = 0; i < credentials.all_.size(); ++i) {
    const Credential& one = credentials.all_[i];
    if (one.is_key() && !credentials.by_key_.emplace(one.public_key, i).second) {
      return Failure{"the key " + one.public_key + " is there twice"};
    }
  }
  (void)credentials.bind(Roles());
  return credentials;
}

Result<Credentials> Credentials::load(const std::string& path) {
  const auto text = read_file(path);
  if (!text) return text.error();
  auto credentials = parse(text.value());
  if (!credentials) return Failure{path + ": " + credentials.error().message};
  return credentials;
}

std::vector<Credential> Credentials::bind(const Roles& roles) {
  std::vector<Credential> without;
  accesses_.clear();
  for (const Credential& credential : all_) {
    const auto role = roles.find(credential.role);
    if (role == nullptr) without.push_back(credential);
    accesses_.push_back(role == nullptr ? nullptr
                                        : std::make_shared<const Access>(credential.name, role, credential.id,
                                                                         credential.expires_s));
  }
  return without;
}

std::size_t Credentials::with_id(std::string_view id) const {
  const auto found = std::lower_bound(all_.begin(), all_.end(), id,
                                      [](const Credential& c, std::string_view wanted) { return c.id < wanted; });
  return static_cast<std::size_t>((found == all_.end() || found->id != id ? all_.end() : found) - all_.begin());
}

std::shared_ptr<const Access> Credentials::good(std::size_t at, std::int64_t now_s) const {
  if (at == all_.size() || accesses_[at] == nullptr || accesses_[at]->expired(now_s)) return nullptr;
  return accesses_[at];
}

std::shared_ptr<const Access> Credentials::find(std::string_view token, std::int64_t now_s) const {
  const bool formed = token.size() == kTokenBytes && token.substr(0, kTokenPrefix.size()) == kTokenPrefix;
  const std::size_t at = formed ? with_id(token.substr(kTokenPrefix.size(), kIdBytes)) : all_.size();
  static const std::string kNone(2 * SHA256_DIGEST_LENGTH, '-');
  const std::string& wanted = at == all_.size() || all_[at].is_key() ? kNone : all_[at].sha256;
  const std::string given = sha256_hex(token.substr(0, kTokenBytes + 1));
  const bool same = CRYPTO_memcmp(given.data(), wanted.data(), kNone.size()) == 0;
  return same ? good(at, now_s) : nullptr;
}

std::shared_ptr<const Access> Credentials::find_key(std::string_view public_key, std::int64_t now_s) const {
  const auto found = by_key_.find(std::string(public_key));
  return found == by_key_.end() ? nullptr : good(found->second, now_s);
}

std::shared_ptr<const Access> Credentials::by_id(std::string_view id, std::int64_t now_s) const {
  return good(with_id(id), now_s);
}

Result<bool> edit_credentials(const std::string& path,
                              const std::function<Result<CredentialLines>(CredentialLines)>& change) {
  make_folder_of(path);
  const std::string lock_path = path + ".lock";
  const Descriptor lock(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return system_failure(lock_path);
  while (::flock(lock.get(), LOCK_EX) != 0) {
    if (errno != EINTR) return system_failure(lock_path);
  }
  const auto text = read_file(path);
  if (!text) return text.error();
  if (const auto known = Credentials::parse(text.value()); !known) {
    return Failure{path + ": " + known.error().message};
  }
  CredentialLines lines;
  for (const std::string_view line : split(text.value(), '\n')) lines.emplace_back(line);
  if (!lines.empty() && lines.back().empty()) lines.pop_back();
  const auto changed = change(std::move(lines));
  if (!changed) return changed.error();
  std::string written;
  for (const std::string& line : changed.value()) written += line + "\n";
  if (const auto known = Credentials::parse(written); !known) return known.error();
  const std::string aside = path + ".new";
  if (auto put = write_private_file(aside, written, O_TRUNC); !put) return put;
  if (::rename(aside.c_str(), path.c_str()) != 0) return system_failure(path);
  return true;
}

std::string credential_line(const Credential& credential) {
  return (credential.is_key() ? "curve\t" : "token\t") + credential.name + "\t" + credential.role +
         "\t" + credential.id + "\t" + (credential.is_key() ? credential.public_key : "sha256:" + credential.sha256) +
         "\t" + utc_text(credential.created_s) + "\t" +
         (credential.expires_s == 0 ? "-" : utc_text(credential.expires_s)) + "\t" + credential.note;
}

}  // namespace bridge
