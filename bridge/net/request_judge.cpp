#include "net/request_judge.h"

#include <algorithm>
#include <utility>

#include "access/authenticator.h"
#include "audit/audit.h"
#include "net/api_pages.h"
#include "net/login_pages.h"

namespace bridge {

RequestJudge::RequestJudge(const WebSites& sites, const std::vector<std::string>& trusted_proxies, const SessionOptions& session,
                           std::shared_ptr<AddressLimits> addresses, Counters& counters, const Clock& clock)
    : proxies_(trusted_proxies), session_(session), addresses_(std::move(addresses)), counters_(counters), clock_(clock) {
  apply(sites, trusted_proxies);
}

void RequestJudge::apply(const WebSites& sites, const std::vector<std::string>& trusted_proxies) {
  plain_sites_ = {sites.hosts, sites.origins, false};
  secure_sites_ = {sites.hosts, sites.origins, true};
  proxies_ = TrustedProxies(trusted_proxies);
}

bool RequestJudge::arrive(Connection& con, const std::string& remote) {
  return proxies_.trusts(remote) || count(con, peer_of(remote));
}

std::optional<HttpReply> RequestJudge::judge_place(Connection& con, const HttpHead& head, bool upgrade) {
  const std::int64_t now_us = clock_.wall_us();
  con.asker = proxies_.asker({con.get_remote_endpoint(), con.is_secure()}, head);
  auto refusal = refuse_crowd(con, now_us);
  if (!refusal) refusal = refuse_head(head, place(con), now_us);
  if (refusal && refusal->status == 421) ++counters_.requests_of_foreign_hosts;
  if (!refusal && upgrade) refusal = refuse_handshake(head, place(con), now_us);
  if (!refusal && !comes_from_own_site(head, place(con)) && head.method != "GET" && head.method != "HEAD") {
    refusal = foreign_origin(now_us);
  }
  return refusal;
}

std::optional<HttpReply> RequestJudge::judge_asker(Connection& con, const HttpHead& head, bool upgrade) {
  const std::int64_t now_us = clock_.wall_us();
  auto refusal = read_access(con, head, now_us);
  if (!refusal && upgrade && con.access != nullptr && !con.access->may_converse()) {
    refusal = error_reply(403, ErrorType::forbidden, "there is nothing here for a " + con.access->role->name, now_us);
    record(con, "forbidden", head.path);
  }
  return refusal;
}

// Whether whoever asks has too many connections; told over one, of which there is no other use.
std::optional<HttpReply> RequestJudge::refuse_crowd(Connection& con, std::int64_t now_us) {
  const std::string peer = peer_of(con.asker.remote);
  if (peer != con.peer && !proxies_.trusts(con.asker.remote)) (void)count(con, peer);
  if (con.arrival.answer == AddressBudget::Answer::granted) return std::nullopt;
  const bool at_once = con.arrival.why.empty();
  return too_many(at_once ? "your address begins too many connections" : con.arrival.why,
                  std::max<std::int64_t>(1, con.arrival.wait_s), now_us);
}

// As arrive(), of the address that it turned out to be from.
bool RequestJudge::count(Connection& con, std::string peer) {
  con.arrival = {};  // another's place, behind a proxy
  con.arrival = addresses_->arrive(peer, clock_.steady_us());
  con.peer = std::move(peer);
  if (con.arrival.answer != AddressBudget::Answer::granted) ++counters_.connections_over_address;
  return con.arrival.answer != AddressBudget::Answer::far_over;
}

// Who a request says it comes from; refused where its token is none. A cookie that is none counts for nothing: the page
// that is to ask for a token is to be had with it.
std::optional<HttpReply> RequestJudge::read_access(Connection& con, const HttpHead& head, std::int64_t now_us) {
  con.access = nullptr;
  const Authenticator* const authenticator = session_.authenticator;
  if (authenticator == nullptr) return std::nullopt;
  const std::string authorization = head.field("authorization");
  if (const std::string_view token = bearer_token(authorization); !token.empty()) {
    const Authenticator::Attempt attempt = authenticator->attempt(token, con.asker.remote);
    con.access = attempt.access;
    record(con, con.access != nullptr ? "success" : attempt.wait_s != 0 ? "rate_limited" : "unauthorized");
    if (con.access != nullptr) return std::nullopt;
    ++counters_.tokens_refused;
    if (attempt.wait_s != 0) ++counters_.tokens_limited;
    return refused_token(attempt, now_us);
  }
  const auto cookies = session_cookies(head.field("cookie"), con.asker.secure);
  if (cookies.empty()) return std::nullopt;
  const bool only_reads = (head.method == "GET" || head.method == "HEAD") && !is_websocket_handshake(head);
  if (!only_reads && head.field("origin").empty()) {
    return error_reply(403, ErrorType::forbidden,
                       "a cookie without an Origin counts for nothing here; give the token: Authorization: Bearer ...",
                       now_us);
  }
  if (!comes_from_own_site(head, place(con))) return std::nullopt;
  for (const std::string& cookie : cookies) {
    if (con.access == nullptr) con.access = authenticator->find_cookie(cookie);
  }
  record(con, con.access != nullptr ? "success" : "unauthorized");
  return std::nullopt;
}

void RequestJudge::record(const Connection& con, const char* outcome, const std::string& path) const {
  if (session_.audit == nullptr) return;
  AuditEntry entry;
  entry.outcome = outcome;
  entry.what = entry.outcome == "success" ? "login" : "refused";
  entry.by(con.access.get());
  entry.remote = con.asker.remote;
  entry.target = path;
  session_.audit->record(entry);
}

}  // namespace bridge
