#include "access/jwt.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "access/base64url.h"
#include "base/ascii.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr std::size_t kJtiBytesMax = 128;
constexpr double kNumericDateMax = 253'402'300'799;  // the end of the year 9999

std::string string_of(const rapidjson::Value& value) { return {value.GetString(), value.GetStringLength()}; }

bool has_member(const rapidjson::Value& object, const char* name) {
  return object.FindMember(name) != object.MemberEnd();
}

// RFC 7519, 2: seconds since 1970, perhaps with a fraction. Nothing where it is missing or none.
std::optional<std::int64_t> numeric_date(const rapidjson::Value& claims, const char* name) {
  const auto member = claims.FindMember(name);
  if (member == claims.MemberEnd() || !member->value.IsNumber()) return std::nullopt;
  const double seconds = member->value.GetDouble();
  if (!(seconds >= 0 && seconds <= kNumericDateMax)) return std::nullopt;
  return static_cast<std::int64_t>(std::floor(seconds));
}

// RFC 7519, 4.1.3: one, or a list.
bool is_for(const rapidjson::Value& claims, const std::string& audience) {
  const auto member = claims.FindMember("aud");
  if (member == claims.MemberEnd()) return false;
  const auto same = [&audience](const rapidjson::Value& one) { return one.IsString() && string_of(one) == audience; };
  if (!member->value.IsArray()) return same(member->value);
  return std::any_of(member->value.Begin(), member->value.End(), same);
}

// "" or what is wrong.
std::string check_times(const rapidjson::Value& claims, const JwtRules& rules, std::int64_t now_s) {
  const auto expires = numeric_date(claims, "exp");
  if (!expires) return "exp is missing, or no time";
  if (*expires <= now_s) return "it has expired";
  if (*expires > now_s + rules.lifetime_max_s + kJwtLeewayS) {
    return "exp is more than " + std::to_string(rules.lifetime_max_s) + " s away (auth.jwt_lifetime_max_s)";
  }
  for (const char* name : {"nbf", "iat"}) {
    const auto since = numeric_date(claims, name);
    if (has_member(claims, name) && !since) return std::string(name) + " is no time";
    if (since && *since > now_s + kJwtLeewayS) return std::string(name) + " is in the future";
  }
  return {};
}

}  // namespace

Result<SignedText> read_jws(std::string_view token, const JwtKeys& keys) {
  if (token.size() > kJwtBytesMax) return Failure{"it is longer than " + std::to_string(kJwtBytesMax) + " bytes"};
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return Failure{"it is not HEADER.PAYLOAD.SIGNATURE"};
  }
  const auto header_text = from_base64url(token.substr(0, first));
  auto payload = from_base64url(token.substr(first + 1, second - first - 1));
  auto signature = from_base64url(token.substr(second + 1));
  if (!header_text || !payload || !signature) return Failure{"a part of it is not base64url"};
  const auto header = read_jose_object(*header_text);
  if (!header) return Failure{"its header " + header.error().message};
  // Keys come from our file alone, and what must be understood is not.
  for (const char* refused : {"jku", "x5u", "jwk", "crit"}) {
    if (has_member(header.value(), refused)) return Failure{"its header has " + std::string(refused)};
  }
  const rapidjson::Value* const algorithm = jose_string(header.value(), "alg");
  const rapidjson::Value* const kid = jose_string(header.value(), "kid");
  if (algorithm == nullptr) return Failure{"alg is missing"};
  if (kid == nullptr && has_member(header.value(), "kid")) return Failure{"kid is no text"};
  const std::string kid_text = kid == nullptr ? "" : string_of(*kid);
  SignedText read;
  read.key = keys.find(string_of(*algorithm), kid == nullptr ? nullptr : &kid_text);
  if (read.key == nullptr) return Failure{"kid and alg name none of the keys"};
  read.text = token.substr(0, second);
  read.payload = std::move(*payload);
  read.signature = std::move(*signature);
  return read;
}

Result<JwtClaims> read_jwt(std::string_view token, const JwtKeys& keys, const JwtRules& rules, std::int64_t now_s) {
  const auto read = read_jws(token, keys);
  if (!read) return read.error();
  const auto document = read_jose_object(read.value().payload);
  if (!document) return Failure{"its payload " + document.error().message};
  const rapidjson::Value& claims = document.value();
  const auto text = [&claims](const char* name) {
    const rapidjson::Value* const value = jose_string(claims, name);
    return value == nullptr ? std::string() : string_of(*value);
  };
  if (text("iss") != rules.issuer) return Failure{"iss is not auth.jwt_issuer"};
  if (!is_for(claims, rules.audience)) return Failure{"aud is not auth.jwt_audience"};
  if (const std::string wrong = check_times(claims, rules, now_s); !wrong.empty()) return Failure{wrong};
  JwtClaims said{text("sub"), text("ppo_role"), text("jti"), read.value().key->id, *numeric_date(claims, "exp")};
  if (!is_name(said.name)) return Failure{"sub is no name: 1..64 of A-Z a-z 0-9 _ . : -"};
  if (!is_name(said.role)) return Failure{"ppo_role is missing, or no name"};
  if (said.id.size() > kJtiBytesMax || (said.id.empty() && has_member(claims, "jti"))) {
    return Failure{"jti must be a text of 1..128 bytes"};
  }
  if (!read.value().is_genuine()) return Failure{"its signature is wrong"};
  return said;
}

Result<RevokedJwts> RevokedJwts::parse(std::string_view text) {
  RevokedJwts revoked;
  std::size_t number = 0;
  while (!text.empty()) {
    ++number;
    std::string_view line = take_until(text, '\n');
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() || line.front() == '#') continue;
    const std::string_view what = line.substr(0, 4), value = line.substr(std::min<std::size_t>(4, line.size()));
    if ((what != "jti " && what != "sub ") || value.empty() || value.front() == ' ' || value.back() == ' ') {
      return Failure{"line " + std::to_string(number) + " is not `jti VALUE` or `sub VALUE`"};
    }
    (what == "jti " ? revoked.ids_ : revoked.names_).emplace(value);
    if (revoked.ids_.size() + revoked.names_.size() > kJwtRevokedMax) {
      return Failure{"more than " + std::to_string(kJwtRevokedMax) + " lines"};
    }
  }
  return revoked;
}

bool RevokedJwts::has(std::string_view id, std::string_view name) const {
  return (!id.empty() && ids_.find(id) != ids_.end()) || names_.find(name) != names_.end();
}

}  // namespace bridge
