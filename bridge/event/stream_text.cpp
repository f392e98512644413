#include "event/stream_text.h"

#include <algorithm>

#include "base/text.h"

namespace bridge {
namespace {

constexpr std::string_view kDataLine = "data: ";
constexpr std::string_view kReplyBegins = "{\"status\":";
constexpr std::string_view kReplyLine = "event: reply\n";

// White space between the parts of a JSON text may hold line ends, which begin another line of data here.
void append_data(std::string& out, std::string_view json) {
  for (;;) {
    const std::size_t end = std::min(json.find('\n'), json.find('\r'));
    out.append(kDataLine).append(json.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    json.remove_prefix(end + 1);
  }
  out += '\n';
}

}  // namespace

std::string stream_position(std::string_view epoch, std::uint64_t seq) {
  return std::string("id: ").append(epoch).append(":").append(std::to_string(seq));
}

void append_stream_event(std::string& out, std::string_view epoch, std::uint64_t seq, std::string_view json) {
  out.append("id: ").append(epoch).append(":");
  append_number(out, seq);
  out += '\n';
  append_data(out, json);
}

std::string stream_message(std::string_view json) {
  std::string out;
  if (json.substr(0, kReplyBegins.size()) == kReplyBegins) out += kReplyLine;
  append_data(out, json);
  return out;
}

std::string_view stream_payload(std::string_view message) {
  message.remove_prefix(std::min(message.find(kDataLine) + kDataLine.size(), message.size()));
  return message.substr(0, message.find('\n'));
}

}  // namespace bridge
