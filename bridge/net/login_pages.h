// POST /login and /logout: a browser says its token once, and is known by a cookie from then on (PROTOCOL section 10).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "access/authenticator.h"
#include "audit/audit.h"
#include "base/counters.h"
#include "net/http_reply.h"

namespace bridge {

// What a Cookie header (RFC 6265, 5.4) may have of ours. `tls`: the request came over it, and so the cookie must have.
std::vector<std::string> session_cookies(std::string_view header, bool tls);

// All that it is given outlives it. Copies are equal.
class LoginPages {
 public:
  // Where nobody has to say who he is.
  LoginPages() = default;
  // `authenticator`: null as well.
  LoginPages(const Authenticator* authenticator, Counters* counters, std::int64_t session_s, Audit* audit = nullptr)
      : authenticator_(authenticator), counters_(counters), session_s_(session_s), audit_(audit) {}

  void set_session(std::int64_t session_s) { session_s_ = session_s; }

  // REQUIRES, of both: it is a POST that no other site's page has sent.
  HttpReply login(const HttpRequest& request, std::int64_t now_us) const;
  HttpReply logout(const HttpRequest& request, std::int64_t now_us) const;

 private:
  const Authenticator* authenticator_ = nullptr;
  Counters* counters_ = nullptr;
  std::int64_t session_s_ = 0;
  Audit* audit_ = nullptr;  // null: logins are not recorded
};

}  // namespace bridge
