// JSON Web Tokens: the RFCs' own, and wrong ones of each kind.

#include "access/jwt.h"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <string>
#include <vector>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "access/authenticator.h"
#include "access/base64url.h"
#include "access/jwt_issuer.h"
#include "support/scratch_directory.h"

using namespace bridge;
using testing_support::ScratchDirectory;

namespace {

constexpr std::int64_t kNow = 1'795'000'000;

// RFC 7515, appendix A.
const std::string kJoePayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const std::string kOct =
    R"({"kty":"oct","kid":"h","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})";
const std::string kRsa =
    R"({"kty":"RSA","kid":"r","use":"sig","alg":"RS256","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"})";
const std::string kEc =
    R"({"kty":"EC","kid":"e","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
// RFC 8037, appendix A.
const std::string kOkp =
    R"({"kty":"OKP","kid":"o","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

struct Vector {
  const std::string* jwk;
  std::string token;
};
const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all = {
      {&kOct, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + kJoePayload + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
      {&kRsa,
       "eyJhbGciOiJSUzI1NiJ9." + kJoePayload +
           ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
      {&kEc, "eyJhbGciOiJFUzI1NiJ9." + kJoePayload +
                 ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
      {&kOkp,
       "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-"
       "09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"}};
  return all;
}

JwtKeys key_set(const std::string& jwks) {
  auto keys = JwtKeys::parse("{\"keys\":[" + jwks + "]}");
  REQUIRE(keys);
  return std::move(keys.value());
}

std::string sign_hs256(const std::string& header, const std::string& payload) {
  const std::string text = base64url(header) + "." + base64url(payload);
  const std::string secret = *from_base64url("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
  std::array<unsigned char, 32> mac{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), mac.data(), &size);
  return text + "." + base64url({reinterpret_cast<const char*>(mac.data()), mac.size()});
}

const JwtRules kRules{"https://id.example", "ppo-bridge", 3600};
const std::string kHeader = R"({"alg":"HS256","kid":"h"})";
// With `changed` in place of the member that begins with the same name, or besides.
std::string claims(const std::string& changed = {}, bool without = false) {
  std::string text = "{";
  for (const std::string& member :
       {std::string(R"("iss":"https://id.example")"), std::string(R"("aud":"ppo-bridge")"), std::string(R"("sub":"alice")"),
        std::string(R"("ppo_role":"viewer")"), "\"exp\":" + std::to_string(kNow + 600), std::string(R"("jti":"j-1")")}) {
    const bool same = !changed.empty() && changed.substr(0, changed.find(':')) == member.substr(0, member.find(':'));
    if (!same) text += member + ",";
  }
  if (!without && !changed.empty()) text += changed + ",";
  text.back() = '}';
  return text;
}

void put(const std::string& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream(path) << text;
  ::chmod(path.c_str(), mode);
}

std::string trouble(const std::string& header, const std::string& payload) {
  const JwtKeys keys = key_set(kOct);
  const auto read = read_jwt(sign_hs256(header, payload), keys, kRules, kNow);
  return read ? "" : read.error().message;
}

}  // namespace

TEST_CASE("jwt: what the RFCs have signed is genuine, and no bit may change") {
  for (const Vector& vector : vectors()) {
    CAPTURE(vector.token);
    const JwtKeys keys = key_set(*vector.jwk);
    const auto read = read_jws(vector.token, keys);
    REQUIRE(read);
    CHECK(read.value().is_genuine());
    SignedText changed = read.value();
    for (std::size_t at = 0; at < changed.signature.size(); at += 7) {
      changed.signature[at] = static_cast<char>(changed.signature[at] ^ 1);
      CHECK_FALSE(changed.is_genuine());
      changed.signature[at] = static_cast<char>(changed.signature[at] ^ 1);
    }
    for (const std::string& other : {std::string(), changed.signature.substr(1), changed.signature + '\0', '\0' + changed.signature,
                                     std::string(changed.signature.size(), '\0')}) {
      SignedText wrong = read.value();
      wrong.signature = other;
      CHECK_FALSE(wrong.is_genuine());
    }
    SignedText said = read.value();
    said.text.remove_suffix(1);
    CHECK_FALSE(said.is_genuine());
    // Of a key of another kind it is not even looked at.
    for (const Vector& other : vectors()) {
      if (other.jwk != vector.jwk) CHECK_FALSE(read_jws(vector.token, key_set(*other.jwk)));
    }
  }
}

TEST_CASE("jwt: of several keys a token names one, by that one's algorithm") {
  const JwtKeys keys = key_set(kOct + "," + kRsa + "," + kEc + "," + kOkp);
  const std::string good = claims();
  CHECK(read_jwt(sign_hs256(kHeader, good), keys, kRules, kNow));
  for (const char* header : {R"({"alg":"HS256"})", R"({"alg":"HS256","kid":"x"})", R"({"alg":"HS256","kid":"r"})",
                             R"({"alg":"RS256","kid":"h"})", R"({"alg":"HS256","kid":1})", R"({"alg":"HS256","kid":""})"}) {
    CAPTURE(std::string(header));
    CHECK_FALSE(read_jwt(sign_hs256(header, good), keys, kRules, kNow));
  }
  const JwtKeys nameless = key_set(R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})");
  CHECK(read_jwt(sign_hs256(R"({"alg":"HS256"})", good), nameless, kRules, kNow));
  CHECK(read_jwt(sign_hs256(kHeader, good), nameless, kRules, kNow));
}

TEST_CASE("jwt: headers that are refused") {
  for (const auto& [header, why] : std::vector<std::pair<std::string, std::string>>{
           {R"({"alg":"none","kid":"h"})", "kid and alg name none"},
           {R"({"alg":"None"})", "kid and alg name none"},
           {R"({"alg":"hs256"})", "kid and alg name none"},
           {R"({"alg":"HS384"})", "kid and alg name none"},
           {R"({"alg":["HS256"]})", "alg is missing"},
           {R"({"kid":"h"})", "alg is missing"},
           {R"({"alg":"HS256","jku":"https://evil.example/keys"})", "has jku"},
           {R"({"alg":"HS256","x5u":"https://evil.example/x"})", "has x5u"},
           {R"({"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}})", "has jwk"},
           {R"({"alg":"HS256","crit":["b64"],"b64":false})", "has crit"},
           {R"({"alg":"none","alg":"HS256"})", "a name twice"},
           {R"({"alg":"HS256","x":{"a":1,"a":2}})", "a name twice"},
           {R"({"alg":"HS256","x":[[[[[[[[[]]]]]]]]]})", "deeper than 8"},
           {R"(["HS256"])", "no JSON object"},
           {R"({"alg":"HS256"} x)", "no JSON object"},
           {std::string(R"({"alg":"HS256"})") + '\0', "no JSON object"},
           {"{\"alg\":\"HS256\",\"kid\":\"\xff\"}", "no JSON object"},
           {"", "no JSON object"}}) {
    CAPTURE(header);
    CHECK(trouble(header, claims()).find(why) != std::string::npos);
  }
  CHECK(trouble(kHeader, claims()).empty());
  const JwtKeys keys = key_set(kOct);
  const std::string good = sign_hs256(kHeader, claims());
  const std::size_t first = good.find('.'), second = good.rfind('.');
  for (const std::string& none :
       {std::string(), std::string("."), std::string(".."), good.substr(0, second), good.substr(first), good + ".", good + "=", good + " ",
        good.substr(0, second + 1), good.substr(0, first) + ".." + good.substr(second + 1), " " + good, good + "A",
        sign_hs256(kHeader, claims("\"x\":\"" + std::string(4'000, 'x') + "\""))}) {
    CHECK_FALSE(read_jwt(none, keys, kRules, kNow));
  }
}

TEST_CASE("jwt: what it says must be as it is to be") {
  const auto time = [](const char* name, std::int64_t at) { return "\"" + std::string(name) + "\":" + std::to_string(at); };
  for (const std::string& fine :
       {std::string(R"("aud":["other","ppo-bridge"])"), time("exp", kNow + 1), time("exp", kNow + 3'630), time("nbf", kNow + 30),
        time("iat", kNow + 30), time("iat", 0), "\"exp\":" + std::to_string(kNow + 1) + ".5", std::string(R"("x":[{"a":1},{"a":1}])"),
        std::string(R"("sub":"\u0061lice")"), "\"jti\":\"" + std::string(128, 'j') + "\""}) {
    CAPTURE(fine);
    CHECK(trouble(kHeader, claims(fine)) == "");
  }
  for (const auto& [changed, why] : std::vector<std::pair<std::string, std::string>>{
           {R"("iss":"https://id.example/")", "iss is not"},
           {R"("iss":["https://id.example"])", "iss is not"},
           {R"("aud":"ppo")", "aud is not"},
           {R"("aud":[])", "aud is not"},
           {R"("aud":[["ppo-bridge"]])", "aud is not"},
           {R"("aud":{"ppo-bridge":1})", "aud is not"},
           {time("exp", kNow), "has expired"},
           {time("exp", kNow - 20), "has expired"},
           {time("exp", kNow + 3'631), "more than 3600 s away"},
           {R"("exp":1e300)", "exp is missing, or no time"},
           {R"("exp":-1)", "exp is missing, or no time"},
           {R"("exp":"1795000600")", "exp is missing, or no time"},
           {R"("exp":null)", "exp is missing, or no time"},
           {time("nbf", kNow + 31), "nbf is in the future"},
           {R"("nbf":"x")", "nbf is no time"},
           {time("iat", kNow + 31), "iat is in the future"},
           {R"("sub":"")", "sub is no name"},
           {R"("sub":"al|ice")", "sub is no name"},
           {R"("sub":"alice\u0000")", "sub is no name"},
           {R"("sub":7)", "sub is no name"},
           {R"("ppo_role":["admin"])", "ppo_role is missing"},
           {R"("jti":1)", "jti must be"},
           {"\"jti\":\"" + std::string(129, 'j') + "\"", "jti must be"}}) {
    CAPTURE(changed);
    CHECK(trouble(kHeader, claims(changed)).find(why) != std::string::npos);
  }
  for (const char* needed : {"\"iss\":", "\"aud\":", "\"exp\":", "\"sub\":", "\"ppo_role\":"}) {
    CAPTURE(std::string(needed));
    CHECK(trouble(kHeader, claims(needed, true)) != "");
  }
  CHECK(trouble(kHeader, claims("\"jti\":", true)) == "");
  CHECK(trouble(kHeader, R"({"sub":"alice",)" + claims().substr(1)).find("a name twice") != std::string::npos);
  const JwtKeys keys = key_set(kOct);
  const auto read = read_jwt(sign_hs256(kHeader, claims()), keys, kRules, kNow);
  REQUIRE(read);
  CHECK(read.value().name == "alice");
  CHECK(read.value().role == "viewer");
  CHECK(read.value().id == "j-1");
  CHECK(read.value().expires_s == kNow + 600);
  CHECK(keys.with_id(read.value().key_id) == &keys.all()[0]);
  std::string forged = sign_hs256(kHeader, claims());
  forged.replace(forged.find('.') + 1, forged.rfind('.') - forged.find('.') - 1, base64url(claims(R"("ppo_role":"admin")")));
  CHECK(read_jwt(forged, keys, kRules, kNow).error().message == "its signature is wrong");
}

TEST_CASE("jwt: a set of keys, and what is none") {
  const std::string n2048 = kRsa.substr(kRsa.find("\"n\":\"") + 5, 342);
  for (const auto& [text, why] : std::vector<std::pair<std::string, std::string>>{
           {"", "is no JSON object"},
           {"[]", "is no JSON object"},
           {"{}", "has no list"},
           {R"({"keys":{}})", "has no list"},
           {R"({"keys":[]})", "has no key that is known here"},
           {R"({"keys":[1]})", "key 1 is no object"},
           {R"({"keys":[],"keys":[]})", "a name twice"},
           {R"({"keys":[{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}]})", "has no key that is known here"},
           {R"({"keys":[{"kty":"oct","k":"c2hvcnQ"}]})", "key 1: k must be 32..512 bytes"},
           {R"({"keys":[{"kty":"oct","k":1}]})", "key 1: k must be"},
           {R"({"keys":[{"kty":"RSA","e":"AQAB","n":")" + n2048.substr(0, 168) + R"("}]})", "key 1: n must be odd and of 2048"},
           {R"({"keys":[{"kty":"RSA","e":"AQ","n":")" + n2048 + R"("}]})", "key 1: e must be odd"},
           {R"({"keys":[{"kty":"RSA","e":"AA","n":")" + n2048 + R"("}]})", "key 1: e must be odd"},
           {R"({"keys":[{"kty":"RSA","n":")" + n2048 + R"("}]})", "key 1: n and e must be in base64url"},
           {R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}]})",
            "key 1: x and y are no point of P-256"},
           {R"({"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]})", "key 1: x and y must be 32 bytes"},
           {R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"AA"}]})", "key 1: x must be 32 bytes"},
           {"{\"keys\":[" + kOct + "," + kOct + "]}", "kid is \"h\"; of several keys"},
           {"{\"keys\":[" + kOct + R"(,{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr8"}]})", "kid is \"\"; of several keys"},
           {"{\"keys\":[],\"x\":\"" + std::string(300'000, 'x') + "\"}", "is longer than"}}) {
    CAPTURE(text.substr(0, 200));
    const auto keys = JwtKeys::parse(text);
    REQUIRE_FALSE(keys);
    CAPTURE(keys.error().message);
    CHECK(keys.error().message.find(why) != std::string::npos);
  }
  // What issuers put there besides is passed over.
  const JwtKeys some = key_set(kEc + R"(,{"kty":"RSA","use":"enc","alg":"RSA-OAEP","n":"AA","e":"AQAB"},{"kty":"RSA","alg":"PS256","n":"AA","e":"AQAB"},{"kty":"x"})");
  CHECK(some.all().size() == 1);
  CHECK_FALSE(some.has_secret());
  CHECK(key_set(kEc + "," + kOct).has_secret());
  CHECK(some.with_id("nonsense") == nullptr);
}

TEST_CASE("jwt: what was revoked before its time") {
  const auto revoked = RevokedJwts::parse("# a list\n\njti j-1\nsub bob\r\njti with space\n");
  REQUIRE(revoked);
  CHECK(revoked.value().has("j-1", "alice"));
  CHECK(revoked.value().has("j-2", "bob"));
  CHECK(revoked.value().has("with space", "alice"));
  CHECK_FALSE(revoked.value().has("j-2", "alice"));
  CHECK_FALSE(revoked.value().has("", "alice"));
  CHECK_FALSE(revoked.value().has("bob", "j-1"));
  for (const char* none : {"j-1\n", "jti\n", "jti \n", "jti  x\n", "sub x \n", "JTI x\n", "jti x\nsub\n"}) {
    CAPTURE(std::string(none));
    CHECK_FALSE(RevokedJwts::parse(none));
  }
  CHECK(RevokedJwts::parse("jti a\nnonsense\n").error().message.find("line 2") == 0);
}

TEST_CASE("jwt: what is kept of a token says it again") {
  const JwtClaims claims{"alice", "desk:a", "with | and :", "AAAAAAAAAAAAAAAA", 5};
  const auto again = claims_of_credential(jwt_credential(claims));
  REQUIRE(again);
  CHECK(again->role == "desk:a");
  CHECK(again->id == "with | and :");
  CHECK(again->key_id == "AAAAAAAAAAAAAAAA");
  CHECK(jwt_credential(claims).find('|') == std::string::npos);
  for (const char* none : {"", "k7q2m9xa", "jwt:", "jwt:a", "jwt:a:b", "jwt:a:====:viewer"}) CHECK_FALSE(claims_of_credential(none));
}

TEST_CASE("authenticator: a JSON Web Token is as good as a token, until its files say otherwise") {
  const ScratchDirectory scratch;
  const std::string keys = scratch.file("keys.json"), revoked = scratch.file("revoked"), roles = scratch.file("roles.toml");
  put(keys, "{\"keys\":[" + kOct + "," + kEc + "]}");
  put(revoked, "# nobody\n");
  put(roles, "[[role.desk.read]]\ntypes = [\"trade_*\"]\n");
  FakeClock clock(kNow * 1'000'000);
  Authenticator authenticator(scratch.file("credentials"), clock, roles, {keys, revoked, kRules});
  const std::string token = sign_hs256(kHeader, claims());
  CHECK(authenticator.find(token) == nullptr);
  REQUIRE(authenticator.reload());
  const auto alice = authenticator.find(token);
  REQUIRE(alice != nullptr);
  CHECK(alice->name == "alice");
  CHECK(alice->role->name == "viewer");
  CHECK(alice->expires_s == kNow + 600);
  CHECK(authenticator.find(sign_hs256(kHeader, claims(R"("ppo_role":"desk")"))) != nullptr);
  CHECK(authenticator.find(sign_hs256(kHeader, claims(R"("ppo_role":"root")"))) == nullptr);
  CHECK(authenticator.find("ppo1_k7q2m9xa_x.y.z") == nullptr);
  const std::string cookie = authenticator.make_cookie(*alice, kNow + 300);
  REQUIRE(authenticator.find_cookie(cookie) != nullptr);
  CHECK(authenticator.find_cookie(cookie)->expires_s == kNow + 300);
  CHECK(authenticator.find_cookie(cookie)->role->name == "viewer");
  CHECK(authenticator.again(*alice)->expires_s == kNow + 600);

  // One that is broken leaves what was there, and is said.
  const auto refused = [&](const std::string& why) {
    CHECK(authenticator.changed());
    const auto loaded = authenticator.reload();
    REQUIRE_FALSE(loaded);
    CAPTURE(loaded.error().message);
    CHECK(loaded.error().message.find(why) != std::string::npos);
    CHECK(authenticator.find(token) != nullptr);
    CHECK(authenticator.again(*alice) != nullptr);
  };
  put(keys, "{}");
  refused("auth.jwt_keys: " + keys + " has no list `keys`");
  put(keys, "{\"keys\":[" + kOct + "," + kEc + "]}", 0644);
  refused("chmod 600 " + keys);
  put(keys, "{\"keys\":[" + kOct + "," + kEc + "]}");
  put(revoked, "alice\n");
  refused("auth.jwt_revoked: " + revoked + ": line 1");
  ::unlink(revoked.c_str());
  refused("auth.jwt_revoked: " + revoked + " is not there");

  put(revoked, "jti j-1\n");
  const std::uint64_t before = authenticator.version();
  REQUIRE(authenticator.reload());
  CHECK(authenticator.version() > before);
  CHECK(authenticator.find(token) == nullptr);
  CHECK(authenticator.again(*alice) == nullptr);
  CHECK(authenticator.find_cookie(cookie) == nullptr);
  CHECK(authenticator.find(sign_hs256(kHeader, claims(R"("jti":"j-2")"))) != nullptr);
  put(revoked, "sub alice\n");
  REQUIRE(authenticator.reload());
  CHECK(authenticator.find(sign_hs256(kHeader, claims(R"("jti":"j-2")"))) == nullptr);
  CHECK(authenticator.find(sign_hs256(kHeader, claims(R"("sub":"bob")"))) != nullptr);
  // Without its key, too; whatever the next one is called.
  put(revoked, "");
  REQUIRE(authenticator.reload());
  REQUIRE(authenticator.again(*alice) != nullptr);
  std::string other = kEc;
  other.replace(other.find("\"e\""), 3, "\"h\"");
  put(keys, "{\"keys\":[" + other + "]}", 0644);
  REQUIRE(authenticator.reload());
  CHECK(authenticator.find(token) == nullptr);
  CHECK(authenticator.again(*alice) == nullptr);
  CHECK(authenticator.find_cookie(cookie) == nullptr);
  put(keys, "{\"keys\":[" + kOct + "]}");
  REQUIRE(authenticator.reload());
  clock.advance_us(600'000'000);
  CHECK(authenticator.find(token) == nullptr);
  CHECK(authenticator.again(*alice) == nullptr);
}
