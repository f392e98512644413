// What an issuer or somebody who would like to be one sends: tokens, keys, what is revoked. The first byte says which: `t` a token, `h`
// a header and `p` a payload that are signed here with the right key, `k` a set of keys, `r` a list of what is revoked.

#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "access/base64url.h"
#include "access/jwt.h"
#include "base/text.h"
#include "event/json_document.h"

namespace {

using namespace bridge;

constexpr std::int64_t kNow = 1'795'000'000;
constexpr std::string_view kHeader = R"({"alg":"HS256","kid":"h"})";
constexpr std::string_view kClaims =
    R"({"iss":"https://id.example","aud":"ppo-bridge","sub":"alice","ppo_role":"viewer","exp":1795000600,"jti":"j-1"})";

void require(bool ok, const char* what, std::string_view input) {
  if (ok) return;
  std::cerr << "FAILED: " << what << "\ninput: " << printable(input, 100'000) << "\n";
  std::abort();
}

std::string sign(std::string_view header, std::string_view payload) {
  const std::string text = base64url(header) + "." + base64url(payload);
  const std::string secret(32, 's');
  std::array<unsigned char, 32> mac{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), mac.data(), &size);
  return text + "." + base64url({reinterpret_cast<const char*>(mac.data()), mac.size()});
}

const JwtKeys& known_keys() {
  static const JwtKeys all = JwtKeys::parse(
      R"({"keys":[{"kty":"oct","kid":"h","k":")" + base64url(std::string(32, 's')) +
      R"("},{"kty":"EC","kid":"e","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"},)"
      R"({"kty":"OKP","kid":"o","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})").value();
  return all;
}

void judge(std::string_view token, bool may_be_good, std::string_view input) {
  static const JwtRules rules{"https://id.example", "ppo-bridge", 3600};
  const auto read = read_jwt(token, known_keys(), rules, kNow);
  if (!read) return require(is_utf8(read.error().message) && !read.error().message.empty(), "a refusal says nothing", input);
  const JwtClaims& said = read.value();
  require(may_be_good || token == sign(kHeader, kClaims), "took what was never signed", input);
  require(is_name(said.name) && is_name(said.role) && said.id.size() <= 128, "took names that are none", input);
  require(said.expires_s > kNow && said.expires_s <= kNow + 3'630, "took another time than may be", input);
  require(known_keys().with_id(said.key_id) != nullptr, "took a key that is not there", input);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (input.empty()) return 0;
  const std::string_view text = input.substr(1);
  switch (input.front()) {
    case 't':
      judge(text, false, input);
      break;
    case 'h':
      judge(sign(text, kClaims), true, input);
      break;
    case 'p':
      judge(sign(kHeader, text), true, input);
      if (read_jose_object(text)) require(read_document(text).ok() || text.find("\\u") != text.npos, "took what is not JSON", input);
      break;
    case 'k': {
      const auto keys = JwtKeys::parse(text);
      require(keys || (is_utf8(keys.error().message) && !keys.error().message.empty()), "a refusal says nothing", input);
      if (!keys) break;
      require(!keys.value().all().empty() && keys.value().all().size() <= kJwtKeysMax, "a wrong number of keys", input);
      for (const JwtKey& key : keys.value().all()) {
        require(keys.value().with_id(key.id) != nullptr && (key.secret.size() >= 32 || key.public_key != nullptr), "a key that is none", input);
        require(!key.has_signed(text, std::string(64, '\0')) && !key.has_signed(text, ""), "signed by nobody", input);
      }
      break;
    }
    default: {
      const auto revoked = RevokedJwts::parse(text);
      require(revoked || is_utf8(revoked.error().message), "a refusal that cannot be said", input);
      if (revoked) require(!revoked.value().has("", ""), "revoked nobody", input);
    }
  }
  return 0;
}
