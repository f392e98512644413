#include "event/messages.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/text.h"
#include "event/json_scanner.h"

namespace bridge {
namespace {

constexpr std::array<const char*, 12> kErrorTypeNames = {
    "bad_json", "bad_request", "unknown_action", "unknown_command", "unknown_target", "timeout",
    "rejected", "busy",        "unauthorized",   "forbidden",       "rate_limited",   "too_large"};

constexpr std::string_view kSourceLostStart = R"({"status":"source_lost",)";

std::string range_text(std::uint64_t from, std::uint64_t to) {
  if (from == to) return "event " + std::to_string(from);
  return "events " + std::to_string(from) + " to " + std::to_string(to);
}

void append_range(std::string& out, const SourceLost& lost) {
  out += R"("source":)";
  append_json_string(out, lost.source);
  out += R"(,"run":)";
  append_json_string(out, lost.run);
  out += R"(,"from_source_seq":)";
  append_number(out, lost.from_source_seq);
  out += R"(,"to_source_seq":)";
  append_number(out, lost.to_source_seq);
  out += '}';
}

}  // namespace

const char* error_type_name(ErrorType type) {
  return kErrorTypeNames[static_cast<std::size_t>(type)];
}

std::string welcome_message(std::string_view version, std::string_view epoch, std::uint64_t seq,
                            std::int64_t now_us) {
  std::string out = R"({"type":"system_status","data":{"status":"connected","message":)";
  append_json_string(out, "ppo-bridge " + std::string(version));
  out += R"(,"server":"ppo-bridge","version":)";
  append_json_string(out, version);
  out += R"(,"protocol":1,"epoch":)";
  append_json_string(out, epoch);
  out += R"(,"seq":)";
  append_number(out, seq);
  out += R"(},"timestamp":)";
  append_seconds(out, now_us);
  out += '}';
  return out;
}

std::string error_message(const RequestError& error, std::string_view action,
                          std::string_view id_json, std::int64_t now_us) {
  std::string out = R"({"status":"error","type":"error")";
  if (!action.empty()) {
    out += R"(,"action":)";
    append_json_string(out, action);
  }
  if (!id_json.empty()) {
    out += R"(,"id":)";
    out += id_json;
  }
  out += R"(,"data":{"error_type":")";
  out += error_type_name(error.type);
  out += R"(","message":)";
  append_json_string(out, error.message);
  out += R"(,"details":{}},"timestamp":)";
  append_seconds(out, now_us);
  out += '}';
  return out;
}

std::string gap_message(std::uint64_t from_seq, std::uint64_t to_seq, std::string_view reason,
                        std::int64_t now_us) {
  std::string out = R"({"type":"gap","data":{"from_seq":)";
  append_number(out, from_seq);
  out += R"(,"to_seq":)";
  append_number(out, to_seq);
  out += R"(,"reason":)";
  append_json_string(out, reason);
  out += R"(},"timestamp":)";
  append_seconds(out, now_us);
  out += '}';
  return out;
}

std::string source_lost_data(const SourceLost& lost) {
  std::string out(kSourceLostStart);
  out += R"("message":)";
  append_json_string(out, range_text(lost.from_source_seq, lost.to_source_seq) + " of " +
                              std::string(lost.source) + " are lost");
  out += ',';
  append_range(out, lost);
  return out;
}

std::optional<SourceLost> read_source_lost(std::string_view data) {
  if (data.substr(0, kSourceLostStart.size()) != kSourceLostStart) return std::nullopt;
  SourceLost lost;
  const auto number = [](std::string_view text) {
    std::uint64_t n = 0;
    std::from_chars(text.data(), text.data() + text.size(), n);
    return n;
  };
  const auto name = [](std::string_view text) {
    return text.size() >= 2 && text.front() == '"' ? text.substr(1, text.size() - 2)
                                                   : std::string_view();
  };
  for_each_member(data, [&](const JsonString& key, std::string_view value) {
    if (key.raw == "source") lost.source = name(value);
    if (key.raw == "run") lost.run = name(value);
    if (key.raw == "from_source_seq") lost.from_source_seq = number(value);
    if (key.raw == "to_source_seq") lost.to_source_seq = number(value);
    return true;
  });
  if (!is_name(lost.source) || !is_name(lost.run) || lost.from_source_seq == 0) return std::nullopt;
  return lost;
}

std::string source_lost_gap(const SourceLost& lost, std::int64_t now_us) {
  std::string out = R"({"type":"gap","data":{"reason":"source_lost",)";
  append_range(out, lost);
  out += R"(,"timestamp":)";
  append_seconds(out, now_us);
  out += '}';
  return out;
}

std::string clock_step_message(std::int64_t step_us) {
  char text[64];
  std::snprintf(text, sizeof text, "the clock has stepped %s by %.3f s",
                step_us < 0 ? "back" : "ahead", std::fabs(static_cast<double>(step_us)) / 1e6);
  return text;
}

std::string clock_step_data(std::int64_t step_us) {
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.3f", static_cast<double>(step_us) / 1e6);
  return R"({"status":"clock_step","message":")" + clock_step_message(step_us) +
         R"(","seconds":)" + seconds + "}";
}

ReplyBuilder::ReplyBuilder(std::string_view status, std::string_view action,
                           std::string_view id_json) {
  out_ = R"({"status":)";
  append_json_string(out_, status);
  text("action", action);
  if (!id_json.empty()) raw("id", id_json);
}

void ReplyBuilder::key(std::string_view name) {
  out_ += ',';
  append_json_string(out_, name);
  out_ += ':';
}

ReplyBuilder& ReplyBuilder::text(std::string_view name, std::string_view value) {
  key(name);
  append_json_string(out_, value);
  return *this;
}

ReplyBuilder& ReplyBuilder::number(std::string_view name, std::uint64_t value) {
  key(name);
  append_number(out_, value);
  return *this;
}

ReplyBuilder& ReplyBuilder::boolean(std::string_view name, bool value) {
  return raw(name, value ? "true" : "false");
}

ReplyBuilder& ReplyBuilder::raw(std::string_view name, std::string_view json) {
  key(name);
  out_ += json;
  return *this;
}

std::string ReplyBuilder::finish(std::int64_t now_us) {
  key("timestamp");
  append_seconds(out_, now_us);
  out_ += '}';
  return std::move(out_);
}

std::string json_list(const std::vector<std::string>& strings) {
  std::string out = "[";
  for (const std::string& s : strings) {
    if (out.size() > 1) out += ',';
    append_json_string(out, s);
  }
  return out + "]";
}

}  // namespace bridge
