#include "sources/announcement.h"

#include "base/limits.h"
#include "base/text.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/number_field.h"

namespace bridge {

namespace {

std::string parameters_text(const rapidjson::Value& list) {
  if (list.Size() > kParametersMax) return {};
  for (const auto& parameter : list.GetArray()) {
    if (!parameter.IsObject()) return {};
    const auto name = parameter.FindMember("name");
    if (name == parameter.MemberEnd() || !name->value.IsString()) return {};
  }
  std::string text = json_text(list);
  return text.size() <= kParametersJsonBytesMax ? text : std::string();
}

}  // namespace

Announcement read_announcement(std::string_view text) {
  Announcement said;
  static const std::vector<std::string_view> kNames = {"agents",  "commands", "parameters", "host",   "state", "pid",
                                                       "replay",  "control",  "clock",      "clock_heard", "head",  "oldest"};
  const auto data = read_members(text, kNames, kAnnouncedBytesMax);
  if (!data || !data.value().IsObject()) return said;
  for (const auto& member : data.value().GetObject()) {
    const std::string_view name = view(member.name);
    const rapidjson::Value& value = member.value;
    if (name == "agents" && value.IsArray()) {
      for (const auto& agent : value.GetArray()) {
        if (said.agents.size() >= kAgentsPerSourceMax) break;
        if (agent.IsString() && is_name(view(agent))) said.agents.emplace_back(view(agent));
      }
    } else if (name == "commands" && value.IsArray()) {
      said.commands_json = json_text(value);
      if (said.commands_json.size() > kCommandsJsonBytesMax) said.commands_json = "[]";
    } else if (name == "parameters" && value.IsArray()) {
      said.parameters_json = parameters_text(value);
    } else if (name == "host" && value.IsString()) {
      said.host = utf8_prefix(view(value), kHostBytesMax);
    } else if (name == "state" && value.IsString()) {
      said.activity = utf8_prefix(view(value), kNameBytesMax);
    } else if (name == "pid" && value.IsInt64()) {
      said.pid = value.GetInt64();
    } else if (name == "replay" && value.IsString()) {
      said.repairs_any_time = value == "any_time";
    } else if (name == "control" && value.IsString() && value.GetStringLength() <= kHostBytesMax) {
      said.control = view(value);
    } else if (name == "clock" && value.IsNumber()) {
      said.clock_json = json_text(value);
      said.clock_s = value.GetDouble();
    } else if (name == "clock_heard" && value.IsObject()) {
      const rapidjson::Value* const at = find(value, "at");
      const rapidjson::Value* const clock = find(value, "clock");
      if (at == nullptr || clock == nullptr || !at->IsNumber() || !clock->IsNumber()) continue;
      said.heard_at_s = at->GetDouble();
      said.heard_clock_s = clock->GetDouble();
    } else if (name == "head" || name == "oldest") {
      // Of a number beyond what a source_seq may be, nothing is believed.
      const auto n = read_integer(&value, name, 0, kIntegerMax);
      if (n) (name == "head" ? said.head : said.oldest) = n.value();
    }
  }
  return said;
}

}  // namespace bridge
