#include "access/jwks.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include "access/base64url.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr int kJoseDepthMax = 8;
constexpr std::size_t kKidBytesMax = 128;
constexpr std::size_t kSecretBytesMin = 32;  // RFC 7518, 3.2
constexpr std::size_t kSecretBytesMax = 512;
constexpr int kRsaBitsMin = 2048;  // RFC 7518, 3.3
constexpr int kRsaBitsMax = 8192;  // a verification of one takes half a millisecond
constexpr int kExponentBitsMax = 33;
constexpr std::size_t kCoordinateBytes = 32;
constexpr std::size_t kKeyIdCharacters = 16;

template <class T, void (*release)(T*)>
struct Freed {
  void operator()(T* p) const { release(p); }
};
using Number = std::unique_ptr<BIGNUM, Freed<BIGNUM, BN_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX, EVP_PKEY_CTX_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX, EVP_MD_CTX_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM, OSSL_PARAM_free>>;
using EcdsaSignature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG, ECDSA_SIG_free>>;

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

std::string_view text_of(const rapidjson::Value& value) { return {value.GetString(), value.GetStringLength()}; }

// Whether no object in it has a name twice, and it is not too deep.
bool is_plain_json(const rapidjson::Value& value, int depth) {
  if (depth > kJoseDepthMax) return false;
  if (value.IsArray()) {
    return std::all_of(value.Begin(), value.End(), [&](const auto& entry) { return is_plain_json(entry, depth + 1); });
  }
  if (!value.IsObject()) return true;
  std::vector<std::string_view> names;
  for (const auto& member : value.GetObject()) {
    names.push_back(text_of(member.name));
    if (!is_plain_json(member.value, depth + 1)) return false;
  }
  std::sort(names.begin(), names.end());
  return std::adjacent_find(names.begin(), names.end()) == names.end();
}

std::shared_ptr<EVP_PKEY> owned(EVP_PKEY* key) { return {key, EVP_PKEY_free}; }

// The bytes of a member in base64url.
std::optional<std::string> member_bytes(const rapidjson::Value& jwk, const char* name) {
  const rapidjson::Value* const text = jose_string(jwk, name);
  return text == nullptr ? std::nullopt : from_base64url(text_of(*text));
}

std::shared_ptr<EVP_PKEY> key_from(const char* kind, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return owned(key);
}

// "" or what is wrong with it.
std::string read_oct(const rapidjson::Value& jwk, JwtKey& key) {
  auto secret = member_bytes(jwk, "k");
  if (!secret || secret->size() < kSecretBytesMin || secret->size() > kSecretBytesMax) {
    return "k must be 32..512 bytes in base64url";
  }
  key.algorithm = JwtAlgorithm::hs256;
  key.secret = std::move(*secret);
  return {};
}

std::string read_rsa(const rapidjson::Value& jwk, JwtKey& key) {
  const auto n = member_bytes(jwk, "n");
  const auto e = member_bytes(jwk, "e");
  if (!n || !e || n->size() > kRsaBitsMax / 8 || e->size() > kRsaBitsMax / 8) return "n and e must be in base64url";
  const Number modulus(BN_bin2bn(bytes_of(*n), static_cast<int>(n->size()), nullptr));
  const Number exponent(BN_bin2bn(bytes_of(*e), static_cast<int>(e->size()), nullptr));
  if (BN_num_bits(modulus.get()) < kRsaBitsMin || BN_is_odd(modulus.get()) == 0) return "n must be odd and of 2048..8192 bits";
  if (BN_is_odd(exponent.get()) == 0 || BN_is_one(exponent.get()) || BN_num_bits(exponent.get()) > kExponentBitsMax) {
    return "e must be odd and of 2..33 bits";
  }
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get());
  key.algorithm = JwtAlgorithm::rs256;
  key.public_key = key_from("RSA", builder.get());
  return key.public_key == nullptr ? "n and e are no RSA key" : "";
}

std::string read_ec(const rapidjson::Value& jwk, JwtKey& key) {
  const auto x = member_bytes(jwk, "x");
  const auto y = member_bytes(jwk, "y");
  if (!x || !y || x->size() != kCoordinateBytes || y->size() != kCoordinateBytes) {
    return "x and y must be 32 bytes each in base64url";
  }
  const std::string point = "\x04" + *x + *y;
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  key.algorithm = JwtAlgorithm::es256;
  key.public_key = key_from("EC", builder.get());
  return key.public_key == nullptr ? "x and y are no point of P-256" : "";
}

std::string read_okp(const rapidjson::Value& jwk, JwtKey& key) {
  const auto x = member_bytes(jwk, "x");
  if (!x || x->size() != kCoordinateBytes) return "x must be 32 bytes in base64url";
  key.algorithm = JwtAlgorithm::eddsa;
  key.public_key = owned(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, bytes_of(*x), x->size()));
  return key.public_key == nullptr ? "x is no Ed25519 key" : "";
}

struct Kind {
  std::string_view kty, crv, algorithm;
  std::string (*read)(const rapidjson::Value& jwk, JwtKey& key);
};
constexpr std::array<Kind, 4> kKinds{{{"oct", "", "HS256", read_oct},
                                      {"RSA", "", "RS256", read_rsa},
                                      {"EC", "P-256", "ES256", read_ec},
                                      {"OKP", "Ed25519", "EdDSA", read_okp}}};

// Null where it is not known here, or for something else.
const Kind* kind_of(const rapidjson::Value& jwk) {
  const auto said = [&jwk](const char* name) {
    const rapidjson::Value* const text = jose_string(jwk, name);
    return text == nullptr ? std::string_view() : text_of(*text);
  };
  const std::string_view use = said("use"), algorithm = said("alg");
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& k) {
    return k.kty == said("kty") && (k.crv.empty() || k.crv == said("crv"));
  });
  if (kind == kKinds.end() || (!use.empty() && use != "sig") || (!algorithm.empty() && algorithm != kind->algorithm)) {
    return nullptr;
  }
  return &*kind;
}

std::string key_id(const JwtKey& key) {
  std::string material = key.secret;
  if (key.public_key != nullptr) {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key.public_key.get(), &der);
    if (size > 0) material.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(bytes_of(material), material.size(), digest.data());
  return base64url({reinterpret_cast<const char*>(digest.data()), digest.size()}).substr(0, kKeyIdCharacters);
}

// r||s of 32 bytes each as DER, which OpenSSL wants; empty where it is none.
std::string ecdsa_der(std::string_view raw) {
  if (raw.size() != 2 * kCoordinateBytes) return {};
  const EcdsaSignature signature(ECDSA_SIG_new());
  BIGNUM* const r = BN_bin2bn(bytes_of(raw), static_cast<int>(kCoordinateBytes), nullptr);
  BIGNUM* const s = BN_bin2bn(bytes_of(raw) + kCoordinateBytes, static_cast<int>(kCoordinateBytes), nullptr);
  ECDSA_SIG_set0(signature.get(), r, s);
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  std::string text;
  if (size > 0) text.assign(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

}  // namespace

std::string_view jwt_algorithm_name(JwtAlgorithm algorithm) {
  return kKinds[static_cast<std::size_t>(algorithm)].algorithm;
}

bool JwtKey::has_signed(std::string_view text, std::string_view signature) const {
  if (algorithm == JwtAlgorithm::hs256) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> mac{};
    unsigned int size = 0;
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(text), text.size(), mac.data(), &size);
    return signature.size() == mac.size() && CRYPTO_memcmp(mac.data(), signature.data(), mac.size()) == 0;
  }
  std::string der;
  if (algorithm == JwtAlgorithm::es256) {
    der = ecdsa_der(signature);
    if (der.empty()) return false;
    signature = der;
  }
  const EVP_MD* const digest = algorithm == JwtAlgorithm::eddsa ? nullptr : EVP_sha256();
  const DigestContext context(EVP_MD_CTX_new());
  return context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, public_key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1;
}

Result<rapidjson::Document> read_jose_object(std::string_view text) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(text.data(), text.size());
  const bool ends_early = text.find('\0') != std::string_view::npos;  // where RapidJSON would stop
  if (ends_early || document.HasParseError() || !document.IsObject()) return Failure{"is no JSON object"};
  if (!is_plain_json(document, 1)) return Failure{"has a name twice, or is deeper than 8 levels"};
  return Result<rapidjson::Document>(std::move(document));
}

const rapidjson::Value* jose_string(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  return member == object.MemberEnd() || !member->value.IsString() ? nullptr : &member->value;
}

Result<JwtKeys> JwtKeys::parse(std::string_view text) {
  if (text.size() > kJwksBytesMax) return Failure{"is longer than " + std::to_string(kJwksBytesMax) + " bytes"};
  const auto document = read_jose_object(text);
  if (!document) return document.error();
  const auto list = document.value().FindMember("keys");
  if (list == document.value().MemberEnd() || !list->value.IsArray()) return Failure{"has no list `keys` (RFC 7517)"};
  JwtKeys keys;
  std::size_t number = 0;
  for (const auto& jwk : list->value.GetArray()) {
    ++number;
    const std::string where = "key " + std::to_string(number);
    if (!jwk.IsObject()) return Failure{where + " is no object"};
    const Kind* const kind = kind_of(jwk);
    if (kind == nullptr) continue;
    JwtKey key;
    if (const auto* const kid = jose_string(jwk, "kid")) key.kid = text_of(*kid);
    if (key.kid.size() > kKidBytesMax) return Failure{where + ": kid is longer than " + std::to_string(kKidBytesMax) + " bytes"};
    if (const std::string wrong = kind->read(jwk, key); !wrong.empty()) return Failure{where + ": " + wrong};
    key.id = key_id(key);
    keys.keys_.push_back(std::move(key));
    if (keys.keys_.size() > kJwtKeysMax) return Failure{"has more than " + std::to_string(kJwtKeysMax) + " keys"};
  }
  if (keys.keys_.empty()) {
    return Failure{"has no key that is known here: oct (HS256), RSA (RS256), EC P-256 (ES256), OKP Ed25519 (EdDSA)"};
  }
  for (const JwtKey& key : keys.keys_) {
    const auto same = [&key](const JwtKey& other) { return other.kid == key.kid; };
    if (keys.keys_.size() == 1 || (!key.kid.empty() && std::count_if(keys.keys_.begin(), keys.keys_.end(), same) == 1)) continue;
    return Failure{"kid is \"" + printable(key.kid) + "\"; of several keys each must have one of its own"};
  }
  return keys;
}

const JwtKey* JwtKeys::find(std::string_view algorithm, const std::string* kid) const {
  if (kid == nullptr && keys_.size() != 1) return nullptr;
  const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const JwtKey& key) {
    return jwt_algorithm_name(key.algorithm) == algorithm && (kid == nullptr || key.kid.empty() || key.kid == *kid);
  });
  return found == keys_.end() ? nullptr : &*found;
}

const JwtKey* JwtKeys::with_id(std::string_view id) const {
  const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const JwtKey& key) { return key.id == id; });
  return found == keys_.end() ? nullptr : &*found;
}

bool JwtKeys::has_secret() const {
  return std::any_of(keys_.begin(), keys_.end(), [](const JwtKey& key) { return !key.secret.empty(); });
}

}  // namespace bridge
