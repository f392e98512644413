#include "net/pages.h"

#include <algorithm>
#include <utility>

#include "base/address.h"
#include "base/loop_turns.h"
#include "base/text.h"
#include "event/json_writer.h"
#include "event/messages.h"
#include "net/gzip.h"

namespace bridge {
namespace {

constexpr const char* kJsonType = "application/json";
constexpr std::string_view kSlowPath = "/debug/slow";
constexpr std::size_t kStepBytesMax = 32 * 1024;  // of a body, taken in at a time

// Only what comes from this very host, and nothing written into the page itself. With trusted types
// not even the page's own code can turn text into markup.
constexpr std::string_view kPagePolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'; connect-src 'self'";

constexpr const char* kRevalidate = "no-cache";
constexpr const char* kImmutable = "public, max-age=31536000, immutable";

constexpr const char* kHome = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>PPO Bridge</title>
<h1>PPO Bridge</h1>
<p>The bridge is running. Trainers publish to it over ZeroMQ; clients read from it over WebSocket.</p>
<pre>SCHEME://HOST/ws</pre>
<p>This program was built without its dashboard, because npm was missing or could not reach its
registry. To get it, install npm (Debian: <code>apt-get install nodejs npm</code>) and build again:</p>
<pre>./dev build</pre>
<p>Or watch the stream in a terminal:</p>
<pre>build/release/bin/ppo-client tail --url SCHEME://HOST/ws</pre>
<ul>
  <li><a href="/healthz"><code>/healthz</code></a>, <a href="/readyz"><code>/readyz</code></a>:
      is it up, does it take clients</li>
  <li><a href="/metrics"><code>/metrics</code></a>: counters for Prometheus</li>
  <li><code>POST /submit_event</code>: an event by HTTP</li>
</ul>
<p><small>ppo-bridge VERSION</small></p>
</html>
)";

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// Nothing that could be markup.
bool is_plain(std::string_view host) {
  return host.find_first_of("<>&\"'") == std::string_view::npos;
}

HttpReply plain(int status, std::string text) {
  HttpReply reply;
  reply.status = status;
  reply.body = std::move(text) + "\n";
  return reply;
}

// Whether a tag is among those of an If-None-Match, compared weakly (RFC 9110, 13.1.2).
bool matches(std::string_view if_none_match, std::string_view etag) {
  if (if_none_match == "*") return true;
  for (std::size_t at = 0; (at = if_none_match.find(etag, at)) != std::string_view::npos; ++at) {
    const std::string_view before = if_none_match.substr(0, at);
    const std::string_view behind = if_none_match.substr(at + etag.size());
    const bool begins = before.empty() || before.back() == ' ' || before.back() == ',' ||
                        (before.size() >= 2 && before.substr(before.size() - 2) == "W/");
    if (begins && (behind.empty() || behind.front() == ',' || behind.front() == ' ')) return true;
  }
  return false;
}

HttpReply serve(const PageFile& file, const HttpRequest& request) {
  HttpReply reply;
  reply.content_type = file.content_type;
  reply.cache_control = file.immutable ? kImmutable : kRevalidate;
  reply.headers.emplace_back("ETag", file.etag);
  reply.headers.emplace_back("Cross-Origin-Resource-Policy", "same-origin");
  if (matches(request.if_none_match, file.etag)) {
    reply.status = 304;
  } else {
    reply.body = file.body;
  }
  return reply;
}

bool is_read(const HttpRequest& request) {
  return request.method == "GET" || request.method == "HEAD";
}

// "" where it does not pay.
std::string zipped(std::string_view body) {
  constexpr int kLevel = 6;
  if (body.size() < Gzip::kWorthBytes) return {};
  Gzip gzip(kLevel);
  for (std::size_t at = 0; at < body.size(); at += Gzip::kStepBytes) {
    if (!gzip.add(body.substr(at, Gzip::kStepBytes), at + Gzip::kStepBytes >= body.size())) return {};
  }
  std::string out = gzip.take();
  return out.size() < body.size() ? out : std::string();
}

HttpReply not_allowed(const HttpRequest& request, const std::string& allowed, std::int64_t now_us) {
  HttpReply reply = error_reply(405, ErrorType::bad_request,
                                "the method is " + printable(request.method) + "; " + printable(request.path) +
                                    " takes " + allowed,
                                now_us);
  reply.headers.emplace_back("Allow", allowed);
  return reply;
}

}  // namespace

Pages::Pages(Intake& intake, const Clock& clock, Options options)
    : intake_(intake), clock_(clock), options_(std::move(options)), policy_(kPagePolicy) {
  if (options_.commands != nullptr) {
    api_.emplace(*options_.commands, clock, options_.version, options_.requests_per_s_max);
  }
  for (const PageFile& file : options_.files) zipped_.push_back(zipped(file.body));
}

std::optional<HttpReply> Pages::refusal(const HttpRequest& request) const {
  const bool guarded = request.path == "/submit_event" || request.path == "/readyz" || request.path == "/metrics" ||
                       request.path == kSlowPath;
  const bool question = ApiPages::is_question(request.path);  // what its role may ask is the command's to say
  if (request.anybody || !(guarded || question) || request.method == "OPTIONS") return std::nullopt;
  if (request.access != nullptr && (question || request.access->may_get(request.path == kSlowPath ? "/metrics" : request.path))) return std::nullopt;
  if (options_.audit != nullptr) {
    AuditEntry entry;
    entry.what = "refused";
    entry.by(request.access.get());
    entry.remote = request.remote;
    entry.target = request.path;
    entry.outcome = error_type_name(request.access == nullptr ? ErrorType::unauthorized : ErrorType::forbidden);
    options_.audit->record(entry);
  }
  if (request.access == nullptr) return unauthorized("say who you are: Authorization: Bearer ...", clock_.wall_us());
  const std::string why = "a " + request.access->role->name + " may not use " + request.path;
  return error_reply(403, ErrorType::forbidden, why, clock_.wall_us());
}

void Pages::set_limits(std::uint64_t requests_per_s_max, std::int64_t session_s) {
  if (api_) api_->set_requests_per_s_max(requests_per_s_max);
  options_.login.set_session(session_s);
}

void Pages::set_sites(const std::vector<std::string>& origins) {
  policy_ = kPagePolicy;
  for (const std::string& origin : origins) {  // http://HOST is ws://HOST there, https wss
    if (origin.find_first_of(" \t;,'") == std::string::npos) policy_ += " ws" + origin.substr(4);
  }
}

void Pages::handle(const HttpRequest& request, bool own_origin, const HttpAnswer& answer) {
  const TurnPart part("a page");
  if (auto refused = refusal(request)) return answer(std::move(*refused));
  if (request.path == "/submit_event" && request.method == "POST" && own_origin) {
    return submit_event(request, answer);
  }
  if (api_ && ApiPages::knows(request.path) && is_read(request)) return api_->handle(request, own_origin, answer);
  if (request.path != "/metrics" || !is_read(request)) return answer(reply_to(request, own_origin));
  options_.metrics([answer](std::string text) { answer(reply_with("text/plain; version=0.0.4; charset=utf-8", std::move(text))); });
}

std::string_view Pages::methods(std::string_view path) const {
  if (path == "/submit_event") return "POST";
  const bool known = file(path) != nullptr || path == "/" || path == "/healthz" || path == "/readyz" || path == "/metrics" || path == kSlowPath ||
                     path == "/events" || (api_ && ApiPages::knows(path));
  if (path == "/login" || path == "/logout") return "POST";
  return known ? "GET, HEAD" : path == "/ws" ? "GET" : path == "*" ? "GET, HEAD, POST" : "";
}

HttpReply Pages::reply_to(const HttpRequest& request, bool own_origin) {
  const std::int64_t now_us = clock_.wall_us();
  const std::string allowed(methods(request.path));
  if (allowed.empty()) {
    return error_reply(404, ErrorType::bad_request, "nothing is at " + printable(request.path), now_us);
  }
  if (request.method == "OPTIONS") {
    HttpReply reply;
    reply.status = 204;
    reply.headers.emplace_back("Allow", allowed + ", OPTIONS");
    return reply;
  }
  const bool takes_post = allowed == "POST";
  if (takes_post ? request.method != "POST" : !is_read(request)) return not_allowed(request, allowed, now_us);
  if (takes_post && !own_origin) {
    return error_reply(403, ErrorType::forbidden, "the Origin is another site's", now_us);
  }
  if (request.path == "/login") return options_.login.login(request, now_us);
  if (request.path == "/logout") return options_.login.logout(request, now_us);
  if (request.path == "/ws") return upgrade_required("/ws is for WebSocket clients", now_us);
  const PageFile* const page_file = file(request.path);
  HttpReply reply;
  if (page_file != nullptr) {
    reply = serve(*page_file, request);
    if (reply.status == 200) reply.gzipped = zipped_[static_cast<std::size_t>(page_file - options_.files.data())];
  } else if (request.path == "/") {
    reply = home(request);
  } else if (request.path == "/healthz") {
    reply = plain(200, "ok");
  } else if (request.path == kSlowPath) {
    reply = reply_with(kJsonType, options_.slow_turns() + "\n");
  } else {
    const std::string trouble = options_.trouble();
    const std::string notice = options_.notice();
    reply = plain(trouble.empty() ? 200 : 503, trouble.empty() ? "ready" : trouble);
    reply.body += notice;
  }
  if (request.path == "/") {
    reply.headers.emplace_back("Content-Security-Policy", policy_);
    reply.headers.emplace_back("Referrer-Policy", "no-referrer");
    reply.headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  }
  return reply;
}

const PageFile* Pages::file(std::string_view path) const {
  const auto found = std::find_if(options_.files.begin(), options_.files.end(),
                                  [&](const PageFile& file) { return file.path == path; });
  return found == options_.files.end() ? nullptr : &*found;
}

HttpReply Pages::home(const HttpRequest& request) const {
  HttpReply reply = reply_with("text/html; charset=utf-8", kHome);
  replace_all(reply.body, "VERSION", options_.version);
  replace_all(reply.body, "SCHEME", request.secure ? "wss" : "ws");
  replace_all(reply.body, "HOST",
              parse_address(request.host) && is_plain(request.host) ? request.host
                                                                    : "127.0.0.1:5178");
  return reply;
}

// A large body is taken in between what the others want, with an account of its own.
void Pages::submit_event(const HttpRequest& request, const HttpAnswer& answer) {
  if (options_.full()) {
    return answer(error_reply(503, ErrorType::busy,
                             "events wait to be written to the journal (journal.before_delivery)",
                             clock_.wall_us()));
  }
  struct Posted {
    std::shared_ptr<const void> owner;
    PeerName peer;
    IntakeBatch batch;
    SenderRule rule;
  };
  const auto account = std::make_shared<RequestBudget>(clock_, 1);
  const auto who = [remote = request.remote, access = request.access] {
    return access == nullptr ? BodySender{remote} : BodySender{remote, access->name, access->credential};
  };
  const auto posted = std::make_shared<Posted>(Posted{request.owner, who, IntakeBatch(request.body), {}});
  posted->batch.peer = &posted->peer;
  if (!request.anybody) {
    posted->rule = [access = request.access](std::string_view type, std::string_view source) {
      return access->may_publish(type, source);
    };
    posted->batch.rule = &posted->rule;
  }
  const auto step = [this, account, answer, posted](bool* done) {
    intake_.begin_turn();
    const std::size_t cost = intake_.take_some(posted->batch, kStepBytesMax);
    options_.on_batch();
    *done = posted->batch.ended;
    if (*done) answer(submitted(posted->batch.outcome));
    return std::uint64_t{cost / kDataBytesPerWork};
  };
  if (options_.work == nullptr) {
    for (bool done = false; !done;) step(&done);
  } else {
    (void)options_.work->add(account, step);  // the first of its account
  }
}

HttpReply Pages::submitted(const IntakeOutcome& outcome) const {
  if (outcome.accepted == 0) {
    const bool too_large = outcome.first_reject == Reject::too_large;
    const bool broken = outcome.first_reject == Reject::not_json || outcome.first_reject == Reject::not_utf8;
    const bool forbidden = outcome.first_reject == Reject::forbidden_source || outcome.first_reject == Reject::forbidden_type;
    const ErrorType type = broken      ? ErrorType::bad_json
                           : too_large ? ErrorType::too_large
                           : forbidden ? ErrorType::forbidden
                                       : ErrorType::bad_request;
    return error_reply(forbidden ? 403 : 400, type, std::string(reject_name(outcome.first_reject)) + ": " + outcome.first_detail,
                       clock_.wall_us());
  }
  JsonWriter json;
  json.object().field("status", "success").field("accepted", outcome.accepted);
  if (outcome.rejected != 0) json.field("rejected", outcome.rejected);
  return reply_with(kJsonType, json.end_object().take());
}

}  // namespace bridge
