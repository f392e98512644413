#include "net/http_rules.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"
#include "event/json_writer.h"
#include "net/deflate_offer.h"

namespace bridge {
namespace {

constexpr std::size_t kKeyCharacters = 24;  // 16 bytes in base64

HttpReply bad(int status, std::string where, std::string what, std::string allowed, std::int64_t now_us) {
  return problem_reply({status, std::move(where), std::move(what), std::move(allowed)}, now_us);
}

bool is_handshake_key(std::string_view key) {
  constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  return key.size() == kKeyCharacters && key.substr(22) == "==" &&
         key.find_first_not_of(kBase64) == kKeyCharacters - 2;
}

// HTTP/1.0 needs no Host, and who watches over many services by it sends none; HAProxy asks for OPTIONS / unless told
// otherwise. Nothing else is to be had so.
bool is_health_check(const HttpHead& head) {
  return head.minor == 0 && (head.path == "/healthz" || head.path == "/readyz" ||
                             (head.path == "/" && head.method == "OPTIONS"));
}

bool is_allowed_origin(const HttpHead& head, const HttpPlace& place) {
  const auto& origins = place.sites.origins;
  return std::find(origins.begin(), origins.end(), head.field("origin")) != origins.end();
}

}  // namespace

HttpReply problem_reply(const HttpProblem& problem, std::int64_t now_us) {
  JsonWriter details;
  details.object().field("where", problem.where).field("what", problem.what).field("allowed", problem.allowed);
  return error_reply(problem.status, problem.status == 413 ? ErrorType::too_large : ErrorType::bad_request,
                     problem.where + " is " + problem.what + "; must be " + problem.allowed, now_us,
                     details.end_object().take());
}

HttpReply foreign_origin(std::int64_t now_us) {
  return error_reply(403, ErrorType::forbidden, "the Origin is another site's; websocket.origins names those that may",
                     now_us);
}

std::optional<HttpReply> refuse_stream(const HttpHead& head, const HttpPlace& place, bool must_say_who,
                                       const Access* access, std::int64_t now_us) {
  if (!comes_from_own_site(head, place)) return foreign_origin(now_us);
  if (!must_say_who) return std::nullopt;
  if (access == nullptr) return unauthorized("say who you are: Authorization: Bearer ...", now_us);
  if (access->reads()) return std::nullopt;
  return error_reply(403, ErrorType::forbidden, "a " + std::string(access->role->name) + " may not read events", now_us);
}

HttpRequest request_of(const HttpHead& head, std::string_view body) {
  HttpRequest request;
  request.method = head.method;
  request.path = head.path;
  request.query = head.query;
  request.origin = head.field("origin");
  request.host = head.host;
  request.if_none_match = head.field("if-none-match");
  request.content_type = head.field("content-type");
  request.body = body;
  return request;
}

bool is_websocket_handshake(const HttpHead& head) {
  return head.lists("upgrade", "websocket") && head.lists("connection", "upgrade");
}

bool comes_from_own_site(const HttpHead& head, const HttpPlace& place) {
  return is_own_origin(head.field("origin"), head.host, place.listen, place.sites);
}

std::optional<HttpReply> refuse_head(const HttpHead& head, const HttpPlace& place, std::int64_t now_us) {
  if (head.host.empty() && !is_health_check(head)) {
    return bad(400, "Host", "missing", "named (HTTP/1.0 may leave it out for /healthz and /readyz)", now_us);
  }
  if (!is_own_host(head.host, place.listen, place.sites)) {
    // Misdirected Request (RFC 9110, 15.5.20).
    return error_reply(421, ErrorType::bad_request,
                       "no bridge is called " + printable(head.host) + " here; websocket.hosts names further hosts",
                       now_us);
  }
  if (head.has("expect") && (head.minor == 0 || !head.lists("expect", "100-continue"))) {
    return bad(417, "Expect", in_quotes(head.field("expect")), "100-continue, or left out", now_us);
  }
  const std::string coding = head.field("content-encoding");
  if (!coding.empty() && coding != "gzip" && coding != "x-gzip" && coding != "identity") {
    HttpReply reply = bad(415, "Content-Encoding", in_quotes(coding), "gzip, or left out", now_us);
    reply.headers.emplace_back("Accept-Encoding", "gzip");
    return reply;
  }
  return std::nullopt;
}

std::optional<HttpReply> refuse_handshake(const HttpHead& head, const HttpPlace& place, std::int64_t now_us) {
  if (head.method != "GET" || head.minor == 0) {
    return bad(400, "a WebSocket handshake", head.method + " by HTTP/1." + std::to_string(head.minor),
               "GET by HTTP/1.1", now_us);
  }
  if (head.field("sec-websocket-version") != "13") {
    return upgrade_required("Sec-WebSocket-Version is " + in_quotes(head.field("sec-websocket-version")) +
                                "; must be 13 (RFC 6455)",
                            now_us);
  }
  if (head.path != "/ws") {
    return error_reply(404, ErrorType::bad_request, "the WebSocket is at /ws, not " + printable(head.path), now_us);
  }
  if (!comes_from_own_site(head, place)) {
    return foreign_origin(now_us);
  }
  if (!is_handshake_key(head.field("sec-websocket-key"))) {
    return bad(400, "Sec-WebSocket-Key", in_quotes(head.field("sec-websocket-key")), "16 bytes in base64, once",
               now_us);
  }
  if (const auto extensions = parse_extensions(head.field("sec-websocket-extensions")); !extensions) {
    return bad(400, "Sec-WebSocket-Extensions", in_quotes(head.field("sec-websocket-extensions")),
               "a list of extensions (RFC 6455, 9.1)", now_us);
  }
  const std::string offered = head.field("sec-websocket-protocol");
  if (head.has("sec-websocket-protocol") && !head.lists("sec-websocket-protocol", kSubprotocol)) {
    return bad(400, "Sec-WebSocket-Protocol", in_quotes(offered),
               std::string(kSubprotocol) + " among others, or left out", now_us);
  }
  return std::nullopt;
}

std::string plain_handshake(const HttpHead& head) {
  std::string text = "GET /ws HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n";
  const auto add = [&text](std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append("\r\n");
  };
  add("Host", head.host);
  add("Sec-WebSocket-Key", head.field("sec-websocket-key"));
  if (head.has("sec-websocket-extensions")) add("Sec-WebSocket-Extensions", head.field("sec-websocket-extensions"));
  if (head.has("sec-websocket-protocol")) add("Sec-WebSocket-Protocol", kSubprotocol);
  return text += "\r\n";
}

void allow_origin(const HttpHead& head, const HttpPlace& place, HttpReply& reply) {
  if (place.sites.origins.empty()) return;
  reply.headers.emplace_back("Vary", "Origin");
  if (!is_allowed_origin(head, place)) return;
  reply.headers.emplace_back("Access-Control-Allow-Origin", head.field("origin"));
  reply.headers.emplace_back("Access-Control-Expose-Headers", "ETag, WWW-Authenticate, Retry-After");
  if (head.method != "OPTIONS" || reply.status != 204) return;
  const auto allow = std::find_if(reply.headers.begin(), reply.headers.end(),
                                  [](const auto& header) { return header.first == "Allow"; });
  if (allow == reply.headers.end()) return;
  const std::string methods = allow->second;
  reply.headers.emplace_back("Access-Control-Allow-Methods", methods);
  reply.headers.emplace_back("Access-Control-Allow-Headers",
                             "Authorization, Content-Type, Content-Encoding, If-None-Match, Last-Event-ID");
  reply.headers.emplace_back("Access-Control-Max-Age", "600");
}

}  // namespace bridge
