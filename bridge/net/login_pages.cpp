#include "net/login_pages.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"
#include "event/json_document.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

// Browsers take a name that begins so only over TLS, for this very host and all of its paths (RFC 6265bis, 4.1.3.2).
constexpr std::string_view kSecureName = "__Host-ppo";
constexpr std::string_view kPlainName = "ppo";
constexpr std::size_t kCookiesMax = 4;  // of our names, that are looked at
constexpr std::size_t kLoginBytesMax = 8 * 1024;

// Over TLS; or a proxy in front speaks it, as the page's own address shows.
bool browser_has_tls(const HttpRequest& request) { return request.secure || request.origin.rfind("https://", 0) == 0; }

// RFC 6265, 4.1.1.
std::string set_cookie(const HttpRequest& request, std::string_view value, std::int64_t age_s) {
  const bool secure = browser_has_tls(request);
  std::string text(secure ? kSecureName : kPlainName);
  text.append("=").append(value).append("; Path=/; Max-Age=").append(std::to_string(age_s));
  text += "; HttpOnly; SameSite=Strict";
  if (secure) text += "; Secure";
  return text;
}

bool is_json_type(std::string_view type) { return in_lower_case(without_spaces(type.substr(0, type.find(';')))) == "application/json"; }

}  // namespace

std::vector<std::string> session_cookies(std::string_view header, bool tls) {
  std::vector<std::string> values;
  while (!header.empty() && values.size() < kCookiesMax) {
    std::string_view pair = take_until(header, ';');
    pair.remove_prefix(std::min(pair.find_first_not_of(" \t"), pair.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = pair.substr(0, equals);
    if (name == kSecureName || (name == kPlainName && !tls)) values.emplace_back(pair.substr(equals + 1));
  }
  return values;
}

HttpReply LoginPages::login(const HttpRequest& request, std::int64_t now_us) const {
  if (authenticator_ == nullptr) {
    return error_reply(400, ErrorType::bad_request, "nobody has to say who he is here (auth.mode)", now_us);
  }
  if (request.origin.empty()) {
    return error_reply(403, ErrorType::forbidden,
                       "Origin is missing; /login is for browsers, others send Authorization: Bearer ...", now_us);
  }
  if (!is_json_type(request.content_type)) {
    return error_reply(415, ErrorType::bad_request,
                       "Content-Type is \"" + printable(request.content_type) + "\"; must be application/json", now_us);
  }
  if (request.body.size() > kLoginBytesMax) {
    return error_reply(413, ErrorType::too_large,
                       "the body is " + std::to_string(request.body.size()) + " bytes; must be 0.." +
                           std::to_string(kLoginBytesMax),
                       now_us);
  }
  const auto document = read_document(request.body);
  if (!document) {
    return error_reply(400, ErrorType::bad_json, "the body " + document.error().message, now_us);
  }
  const auto& body = document.value();
  const auto token = body.IsObject() ? body.FindMember("token") : decltype(body.MemberEnd())();
  if (!body.IsObject() || token == body.MemberEnd() || !token->value.IsString()) {
    return error_reply(400, ErrorType::bad_request, "the body must be {\"token\":\"...\"}", now_us);
  }
  const auto attempt = authenticator_->attempt({token->value.GetString(), token->value.GetStringLength()}, request.remote);
  const std::shared_ptr<const Access>& access = attempt.access;
  if (audit_ != nullptr) {
    AuditEntry entry;
    entry.what = access == nullptr ? "refused" : "login";
    entry.by(access.get());
    entry.remote = request.remote;
    entry.target = request.path;
    entry.outcome = access != nullptr ? "success" : attempt.wait_s == 0 ? "unauthorized" : "rate_limited";
    audit_->record(entry);
  }
  if (access == nullptr) {
    ++counters_->tokens_refused;
    if (attempt.wait_s != 0) ++counters_->tokens_limited;
    return refused_token(attempt, now_us);
  }
  const std::int64_t now_s = authenticator_->now_s();
  const std::int64_t end_s = now_s + session_s_;
  const std::int64_t expires_s = access->expires_s == 0 ? end_s : std::min(end_s, access->expires_s);
  JsonWriter json;
  json.object().field("status", "authenticated").field("name", access->name);
  json.field("role", std::string(access->role->name)).field("expires", expires_s);
  HttpReply reply = reply_with("application/json", json.end_object().take() + "\n");
  reply.headers.emplace_back(
      "Set-Cookie", set_cookie(request, authenticator_->make_cookie(*access, expires_s), expires_s - now_s));
  return reply;
}

HttpReply LoginPages::logout(const HttpRequest& request, std::int64_t) const {
  HttpReply reply;
  reply.status = 204;
  reply.headers.emplace_back("Set-Cookie", set_cookie(request, "", 0));
  return reply;
}

}  // namespace bridge
