#include "net/http_reply.h"

#include <array>
#include <ctime>

namespace bridge {
namespace {

constexpr std::pair<int, std::string_view> kReasons[] = {
    {200, "OK"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {426, "Upgrade Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

// RFC 9110, 5.6.7; in English whatever the locale.
void add_date(std::string& out, std::int64_t now_us) {
  constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = now_us / 1'000'000;
  std::tm utc{};
  if (::gmtime_r(&now, &utc) == nullptr) return;
  char text[64];
  std::snprintf(text, sizeof text, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
  out += text;
}

}  // namespace

std::string_view reason_phrase(int status) {
  for (const auto& [code, reason] : kReasons) {
    if (code == status) return reason;
  }
  return {};
}

HttpReply reply_with(std::string content_type, std::string body) {
  HttpReply reply;
  reply.content_type = std::move(content_type);
  reply.body = std::move(body);
  return reply;
}

HttpReply error_reply(int status, ErrorType type, std::string message, std::int64_t now_us, std::string details_json) {
  HttpReply reply = reply_with("application/json", error_message({type, std::move(message), std::move(details_json)}, {}, {}, now_us) + "\n");
  reply.status = status;
  return reply;
}

HttpReply reply_of_error(std::string_view json) {
  constexpr std::pair<std::string_view, int> kStatuses[] = {
      {"unauthorized", 401},    {"forbidden", 403},    {"unknown_command", 404}, {"unknown_target", 404},
      {"ambiguous_target", 409}, {"rejected", 409},    {"too_large", 413},       {"rate_limited", 429},
      {"unknown_outcome", 502}, {"busy", 503},         {"timeout", 504}};
  constexpr std::string_view kKey = "\"error_type\":\"";
  HttpReply reply = reply_with("application/json", std::string(json) + "\n");
  reply.status = 400;
  const std::size_t at = json.find(kKey);
  const std::string_view behind = at == std::string_view::npos ? std::string_view() : json.substr(at + kKey.size());
  for (const auto& [type, status] : kStatuses) {
    if (behind.substr(0, behind.find('"')) == type) reply.status = status;
  }
  if (reply.status == 503 || reply.status == 429) reply.headers.emplace_back("Retry-After", "1");
  if (reply.status == 401) reply.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"ppo-bridge\"");
  return reply;
}

HttpReply unauthorized(const std::string& why, std::int64_t now_us) {
  HttpReply reply = error_reply(401, ErrorType::unauthorized, why, now_us);
  reply.headers = {{"WWW-Authenticate", "Bearer realm=\"ppo-bridge\""}};
  return reply;
}

HttpReply too_many(const std::string& why, std::int64_t wait_s, std::int64_t now_us) {
  HttpReply reply = error_reply(429, ErrorType::rate_limited, why, now_us);
  reply.headers.emplace_back("Retry-After", std::to_string(wait_s));
  return reply;
}

HttpReply refused_token(const Authenticator::Attempt& attempt, std::int64_t now_us) {
  const std::string why = refusal_of(attempt);
  return attempt.wait_s == 0 ? unauthorized(why, now_us) : too_many(why, attempt.wait_s, now_us);
}

HttpReply upgrade_required(const std::string& why, std::int64_t now_us) {
  HttpReply reply = error_reply(426, ErrorType::bad_request, why, now_us);
  reply.headers = {{"Upgrade", "websocket"}, {"Sec-WebSocket-Version", "13"}};
  return reply;
}

std::string reply_head(const HttpReply& reply, std::size_t body_bytes, bool keeps_alive, std::int64_t now_us) {
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  head.append(reason_phrase(reply.status)).append("\r\n");
  add_date(head, now_us);
  const auto add = [&head](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  const bool bodiless = reply.status == 204 || reply.status == 304;
  if (!bodiless) {
    add("Content-Type", reply.content_type);
    if (!reply.stream) add("Content-Length", std::to_string(body_bytes));
  }
  add("X-Content-Type-Options", "nosniff");
  add("Cache-Control", reply.cache_control);
  for (const auto& [name, value] : reply.headers) add(name, value);
  add("Connection", keeps_alive ? "keep-alive" : "close");
  return head += "\r\n";
}

}  // namespace bridge
