// What is asked of JSON Web Tokens, and what they say.
#pragma once

#include <cstdint>
#include <string>

namespace bridge {

// What a token must say.
struct JwtRules {
  std::string issuer;
  std::string audience;
  std::int64_t lifetime_max_s = 86'400;  // from now on
};

// Where an issuer's keys are.
struct JwtOptions {
  std::string keys;     // a JWKS file; "": no JSON Web Token is good
  std::string revoked;  // a file; "": none is
  JwtRules rules;
};

struct JwtClaims {
  std::string name;  // sub
  std::string role;  // ppo_role; that it is there is not said
  std::string id;    // jti, may be empty
  std::string key_id;
  std::int64_t expires_s = 0;
};

}  // namespace bridge
