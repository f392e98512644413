#include "event/messages.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "base/text.h"
#include "event/json_scanner.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

constexpr std::array<const char*, 14> kErrorTypeNames = {
    "bad_json",         "bad_request", "unknown_action", "unknown_command", "unknown_target",
    "ambiguous_target", "timeout",     "rejected",       "unknown_outcome", "busy",
    "unauthorized",     "forbidden",   "rate_limited",   "too_large"};

constexpr std::string_view kSourceLostStart = R"({"status":"source_lost",)";

std::string range_text(std::uint64_t from, std::uint64_t to) {
  if (from == to) return "event " + std::to_string(from);
  return "events " + std::to_string(from) + " to " + std::to_string(to);
}

void add_range(JsonWriter& json, const SourceLost& lost) {
  json.field("source", lost.source).field("run", lost.run);
  json.field("from_source_seq", lost.from_source_seq).field("to_source_seq", lost.to_source_seq);
}

}  // namespace

const char* error_type_name(ErrorType type) {
  return kErrorTypeNames[static_cast<std::size_t>(type)];
}

namespace {

JsonWriter begun_welcome(std::string_view version) {
  JsonWriter json;
  json.object().field("type", "system_status").key("data").object();
  json.field("status", "connected").field("message", "ppo-bridge " + std::string(version));
  json.field("server", "ppo-bridge").field("version", version).field("protocol", std::uint64_t{1});
  return json;
}

}  // namespace

std::string welcome_message(std::string_view version, std::string_view epoch, std::uint64_t seq,
                            std::int64_t now_us, std::string_view auth_json) {
  JsonWriter json = begun_welcome(version);
  json.field("epoch", epoch).field("seq", seq);
  if (!auth_json.empty()) json.key("auth").raw(auth_json);
  return json.end_object().key("timestamp").seconds(now_us).end_object().take();
}

std::string closed_welcome_message(std::string_view version, std::int64_t now_us) {
  JsonWriter json = begun_welcome(version);
  json.field("auth", "required").end_object();
  return json.key("timestamp").seconds(now_us).end_object().take();
}

std::string token_expires_message(std::int64_t expires_s, std::int64_t now_us) {
  JsonWriter json;
  json.object().field("type", "system_status").key("data").object();
  json.field("status", "token_expires").key("expires").raw(std::to_string(expires_s)).end_object();
  return json.key("timestamp").seconds(now_us).end_object().take();
}

std::string error_message(const RequestError& error, std::string_view action,
                          std::string_view id_json, std::int64_t now_us) {
  JsonWriter json;
  json.object().field("status", "error").field("type", "error");
  if (!action.empty()) json.field("action", action);
  if (!id_json.empty()) json.key("id").raw(id_json);
  json.key("data").object().field("error_type", error_type_name(error.type));
  json.field("message", error.message).key("details").raw(error.details_json).end_object();
  return json.key("timestamp").seconds(now_us).end_object().take();
}

std::string gap_message(std::uint64_t from_seq, std::uint64_t to_seq, std::string_view reason,
                        std::int64_t now_us) {
  JsonWriter json;
  json.object().field("type", "gap").key("data").object();
  json.field("from_seq", from_seq).field("to_seq", to_seq).field("reason", reason).end_object();
  return json.key("timestamp").seconds(now_us).end_object().take();
}

std::string source_lost_data(const SourceLost& lost) {
  JsonWriter json;
  json.object().field("status", "source_lost");
  json.field("message", range_text(lost.from_source_seq, lost.to_source_seq) + " of " +
                            std::string(lost.source) + (lost.from_source_seq == lost.to_source_seq ? " is lost" : " are lost"));
  add_range(json, lost);
  return json.end_object().take();
}

std::string source_refused_data(std::string_view source, std::string_view by) {
  JsonWriter json;
  json.object().field("status", "source_refused");
  json.field("message", "somebody who may not speaks for " + std::string(source) + ": " +
                            (by.empty() ? "who posts events" : printable(by)));
  return json.field("source", source).end_object().take();
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
  JsonWriter json;
  json.object().field("type", "gap").key("data").object().field("reason", "source_lost");
  add_range(json, lost);
  return json.end_object().key("timestamp").seconds(now_us).end_object().take();
}

std::string clock_step_message(std::int64_t step_us) {
  char text[64];
  std::snprintf(text, sizeof text, "the clock has stepped %s by %.3f s",
                step_us < 0 ? "back" : "ahead", std::fabs(static_cast<double>(step_us)) / 1e6);
  return text;
}

std::string clock_step_data(std::int64_t step_us) {
  JsonWriter json;
  json.object().field("status", "clock_step").field("message", clock_step_message(step_us));
  return json.field("seconds", static_cast<double>(step_us) / 1e6).end_object().take();
}

ReplyWriter::ReplyWriter(std::string_view status, std::string_view action,
                         std::string_view id_json) {
  object().field("status", status).field("action", action);
  if (!id_json.empty()) key("id").raw(id_json);
}

std::string ReplyWriter::finish(std::int64_t now_us) {
  return key("timestamp").seconds(now_us).end_object().take();
}

std::string json_list(const std::vector<std::string>& strings) {
  JsonWriter json;
  json.list();
  for (const std::string& s : strings) json.add(s);
  return json.end_list().take();
}

}  // namespace bridge
