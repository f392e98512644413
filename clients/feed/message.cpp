#include "feed/message.h"

#include "feed/json.h"

namespace feed {
namespace {

std::string string_or_empty(std::string_view value) {
  return json::as_string(value).value_or(std::string());
}

}  // namespace

std::optional<Envelope> read_envelope(std::string_view text) {
  if (!json::valid(text)) return std::nullopt;
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos || text[first] != '{') return std::nullopt;

  Envelope envelope;
  json::for_each_member(text, [&](std::string_view key, std::string_view value) {
    if (key == "type") {
      envelope.type = string_or_empty(value);
    } else if (key == "status") {
      envelope.status = string_or_empty(value);
    } else if (key == "action") {
      envelope.action = string_or_empty(value);
    } else if (key == "id") {
      envelope.id = string_or_empty(value);
    } else if (key == "source") {
      envelope.source = string_or_empty(value);
    } else if (key == "run") {
      envelope.run = string_or_empty(value);
    } else if (key == "seq") {
      envelope.seq = json::as_u64(value);
    } else if (key == "source_seq") {
      envelope.source_seq = json::as_u64(value);
    } else if (key == "replay") {
      envelope.replay = value == "true";
    }
  });
  return envelope;
}

Gap read_gap(std::string_view text) {
  const std::string_view data = json::member(text, "data");
  Gap gap;
  gap.reason = string_or_empty(json::member(data, "reason"));
  gap.from_seq = json::as_u64(json::member(data, "from_seq"));
  gap.to_seq = json::as_u64(json::member(data, "to_seq"));
  gap.source = string_or_empty(json::member(data, "source"));
  gap.run = string_or_empty(json::member(data, "run"));
  gap.from_source_seq = json::as_u64(json::member(data, "from_source_seq"));
  gap.to_source_seq = json::as_u64(json::member(data, "to_source_seq"));
  return gap;
}

Reply read_reply(std::string text) {
  Reply reply;
  const bool refused = json::as_string(json::member(text, "status")) == "error";
  const bool failed = json::member(text, "success") == "false";
  reply.ok = !refused && !failed;
  if (!reply.ok) {
    std::string_view why = json::member(text, "error");
    if (why.empty()) why = json::member(text, "data");
    reply.error_type = string_or_empty(json::member(why, "error_type"));
    reply.error = string_or_empty(json::member(why, "message"));
    if (reply.error.empty()) reply.error = string_or_empty(why);
    if (reply.error_type.empty()) reply.error_type = "error";
  }
  reply.text = std::move(text);
  return reply;
}

}  // namespace feed
