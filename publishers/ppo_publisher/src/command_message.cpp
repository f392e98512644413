#include "command_message.h"

#include <ppo_publisher/commands.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "encode.h"
#include "event/json_reader.h"
#include "json_text.h"
#include "names.h"

namespace ppo {
namespace {

using Json = rapidjson::Value;

constexpr std::size_t kIdBytesMax = 64;
constexpr std::size_t kCommandBytesMax = 64;
constexpr std::size_t kKeyBytesMax = 4096;  // who asks, and his key
constexpr std::int64_t kDeadlineMsMax = 60'000;
constexpr double kSecondsMax = 1e11;                 // since 1970: the year 5138
constexpr int kCommandDepthMax = kDataDepthMax + 1;  // as deep as the bridge takes a request

const Json* member(const Json& object, const char* key) {
  const auto found = object.FindMember(key);
  return found == object.MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
}

std::string_view text_of(const Json& string) {
  return {string.GetString(), string.GetStringLength()};
}

bool is_time(const Json& value) {
  return value.IsNumber() && value.GetDouble() >= 0 && value.GetDouble() <= kSecondsMax;
}

// One that cannot be read is an answer to nothing.
ClockAnswer clock_answer(const Json& object) {
  ClockAnswer answer;
  const Json* const params = member(object, "params");
  if (params == nullptr || !params->IsObject()) return answer;
  const Json* const clock = member(*params, "clock");
  const Json* const at = member(*params, "at");
  if (clock == nullptr || at == nullptr || !is_time(*clock) || !is_time(*at)) return answer;
  return {clock->GetDouble(), at->GetDouble()};
}

std::string compact(const Json& value) {
  rapidjson::StringBuffer text;
  rapidjson::Writer<rapidjson::StringBuffer> writer(text);
  value.Accept(writer);
  return {text.GetString(), text.GetSize()};
}

// Reads the members one by one; keeps the first complaint.
class Reader {
 public:
  explicit Reader(const Json& object) : object_(object) {}

  void required(const char* key, std::size_t bytes_max, std::string& into) {
    const Json* value = member(object_, key);
    if (value == nullptr) return complain(key, "missing", "a string");
    text(key, *value, bytes_max, into);
    if (into.empty()) complain(key, "empty", "a string of 1 character at least");
  }

  void key(std::string& into) {
    const Json* value = member(object_, "idempotency_key");
    if (value != nullptr) text("idempotency_key", *value, kKeyBytesMax, into);
  }

  void agent(std::string& into) {
    const Json* value = member(object_, "agent_id");
    if (value == nullptr) return;
    std::string id;
    text("agent_id", *value, kIdBytesMax, id);
    if (!id.empty() && !is_name(id)) {
      return complain("agent_id", "'" + printable(id) + "'", std::string(kNameRange));
    }
    into = id;
  }

  void params(std::string& into) {
    const Json* value = member(object_, "params");
    if (value == nullptr) return;
    if (!value->IsObject()) return complain("params", shown(*value), "an object");
    into = compact(*value);
  }

  void deadline(std::int64_t& into) {
    const Json* value = member(object_, "deadline_ms");
    if (value == nullptr) return;
    if (!value->IsInt64() || value->GetInt64() > kDeadlineMsMax) {
      return complain("deadline_ms", shown(*value),
                      "an integer of at most " + std::to_string(kDeadlineMsMax));
    }
    into = value->GetInt64();
  }

  void by(std::optional<double>& into) {
    const Json* value = member(object_, "by");
    if (value == nullptr) return;
    if (!is_time(*value)) return complain("by", shown(*value), "seconds since 1970");
    into = value->GetDouble();
  }

  const std::string& complaint() const { return complaint_; }

 private:
  void text(const char* key, const Json& value, std::size_t bytes_max, std::string& into) {
    if (!value.IsString()) return complain(key, shown(value), "a string");
    if (value.GetStringLength() > bytes_max) {
      return complain(key, std::to_string(value.GetStringLength()) + " bytes long",
                      "at most " + std::to_string(bytes_max));
    }
    into = text_of(value);
  }

  static std::string shown(const Json& value) { return printable(compact(value)); }

  void complain(const char* key, const std::string& value, const std::string& range) {
    if (complaint_.empty()) complaint_ = std::string(key) + " is " + value + "; must be " + range;
  }

  const Json& object_;
  std::string complaint_;
};

bool is_strict_json_object(std::string_view text) {
  if (check_json_object(text) == JsonText::malformed) return false;
  // What is left to find is NaN and Infinity, which only events may hold, and numbers beyond a
  // double.
  rapidjson::Reader reader;
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::BaseReaderHandler<> nothing;
  return !reader.Parse(stream, nothing).IsError();
}

std::string reply_start(const std::optional<std::string>& id) {
  std::string text = "{\"id\":";
  if (id) {
    append_json_string(text, *id);
  } else {
    text += "null";
  }
  return text;
}

}  // namespace

ParsedRequest parse_request(std::string_view body) {
  ParsedRequest parsed;
  std::optional<rapidjson::Document> built;
  if (check_json_object(body, kCommandDepthMax) != JsonText::malformed) {
    built = bridge::build_document(body, bridge::Beyond::refused);
  }
  if (!built) {
    parsed.error_type = "bad_json";
    parsed.message = "a command must be one JSON object in UTF-8";
    return parsed;
  }
  const Json& document = *built;
  const Json* const command = member(document, "command");
  if (command != nullptr && command->IsString() && text_of(*command) == "_clock") {
    parsed.clock = clock_answer(document);
    return parsed;
  }
  CommandRequest request;
  Reader reader(document);
  reader.required("id", kIdBytesMax, request.id);
  if (reader.complaint().empty()) parsed.id = request.id;
  reader.required("command", kCommandBytesMax, request.command);
  reader.required("run", kIdBytesMax, request.run);
  reader.key(request.idempotency_key);
  reader.params(request.params);
  reader.agent(request.agent_id);
  reader.deadline(request.deadline_ms);
  reader.by(request.by);
  if (reader.complaint().empty()) {
    parsed.request = std::move(request);
  } else {
    parsed.error_type = "bad_request";
    parsed.message = reader.complaint();
  }
  return parsed;
}

std::optional<ReplayRange> parse_replay(std::string_view params) {
  const auto document = bridge::build_document(params, bridge::Beyond::refused);
  if (!document || !document->IsObject()) return std::nullopt;
  const Json* const from = member(*document, "from");
  const Json* const to = member(*document, "to");
  if (from == nullptr || !from->IsUint64() || to == nullptr || !to->IsUint64()) return std::nullopt;
  return ReplayRange{from->GetUint64(), to->GetUint64()};
}

std::string replay_reply(std::string_view id, std::string_view bodies) {
  std::string text = reply_start(std::string(id));
  text.reserve(text.size() + bodies.size() + 64);
  text += ",\"success\":true,\"result\":{\"events\":[";
  text += bodies;
  text += "]}}";
  return text;
}

std::string result_reply(std::string_view id, std::string_view result_json) {
  if (result_json.size() > kResultBytesMax) {
    return error_reply(std::string(id), "rejected",
                       "the result is " + std::to_string(result_json.size()) +
                           " bytes long; must be at most " + std::to_string(kResultBytesMax));
  }
  std::string text = reply_start(std::string(id));
  text += ",\"success\":true,\"result\":";
  if (!is_strict_json_object(result_json) || !append_json_object(text, result_json)) {
    return error_reply(std::string(id), "rejected", "the result is not a JSON object");
  }
  text += '}';
  return text;
}

std::string repeated_reply(std::string_view reply, std::string_view id_then, std::string_view id) {
  std::string text = reply_start(std::string(id));
  text += reply.substr(reply_start(std::string(id_then)).size());
  return text;
}

std::string error_reply(const std::optional<std::string>& id, std::string_view error_type,
                        std::string_view message) {
  std::string text = reply_start(id);
  text += ",\"success\":false,\"error\":{\"error_type\":";
  append_json_string(text, error_type);
  text += ",\"message\":";
  append_json_string(text, message);
  text += "}}";
  return text;
}

}  // namespace ppo
