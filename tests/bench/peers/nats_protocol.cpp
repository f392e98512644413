#include "nats_protocol.h"

#include <charconv>
#include <cstddef>

namespace bench {
namespace {

constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kMessage = "MSG ";
constexpr std::string_view kError = "-ERR";
// INFO is the longest line, of some hundred bytes.
constexpr std::size_t kLineBytesMax = 64 * 1024;
constexpr std::size_t kBodyBytesMax = 1 << 20;

}  // namespace

std::string nats_greeting() {
  return "CONNECT {\"verbose\":false,\"pedantic\":false,\"lang\":\"ppo-bench\",\"version\":\"1\","
         "\"protocol\":1}\r\nPING\r\n";
}

std::string nats_greeting_and_subscription(std::string_view subject) {
  std::string text = nats_greeting();
  text.insert(text.find("PING"), "SUB " + std::string(subject) + " 1\r\n");
  return text;
}

void append_nats_publish(std::string& out, std::string_view subject, std::string_view body) {
  out.append("PUB ").append(subject).append(" ").append(std::to_string(body.size()));
  out.append(kLineEnd).append(body).append(kLineEnd);
}

StreamSyntax::Message NatsStream::front(std::string_view stream) const {
  const std::size_t line_bytes = stream.substr(0, kLineBytesMax).find('\n') + 1;
  if (line_bytes == 0) return {0, {}, stream.size() < kLineBytesMax ? "" : "a line without an end"};
  const std::string_view line = stream.substr(0, line_bytes);
  if (line.substr(0, kError.size()) == kError) {
    return {line_bytes, {}, line.substr(0, line.find_first_of(kLineEnd))};
  }
  if (line.substr(0, kMessage.size()) != kMessage) return {line_bytes, {}, {}};
  // MSG subject sid [reply-to] size
  const std::string_view size_text = line.substr(line.find_last_of(' ') + 1);
  std::size_t size = 0;
  const char* const end = size_text.data() + size_text.size();
  const auto [number_end, error] = std::from_chars(size_text.data(), end, size);
  if (error != std::errc() ||
      std::string_view(number_end, static_cast<std::size_t>(end - number_end)) != kLineEnd) {
    return {line_bytes, {}, line};
  }
  if (size > kBodyBytesMax) return {line_bytes, {}, "a message too large for the bench"};
  const std::size_t bytes = line_bytes + size + kLineEnd.size();
  if (stream.size() < bytes) return {};
  if (stream.substr(line_bytes + size, kLineEnd.size()) != kLineEnd) {
    return {bytes, {}, "a message that is longer than it says"};
  }
  return {bytes, stream.substr(line_bytes, size), {}};
}

}  // namespace bench
