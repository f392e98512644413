#include "sources/announcement.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/limits.h"
#include "base/text.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/number_field.h"

namespace bridge {
namespace {

// At most so many bytes of it, and no part of a character.
std::string_view cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xC0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
}

std::string json_of(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  value.Accept(writer);
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

Announcement read_announcement(std::string_view text) {
  Announcement said;
  const auto data = read_document(text);
  if (!data || !data.value().IsObject()) return said;
  for (const auto& member : data.value().GetObject()) {
    const std::string_view name = view(member.name);
    const rapidjson::Value& value = member.value;
    if (name == "agents" && value.IsArray()) {
      said.lists_agents = true;
      for (const auto& agent : value.GetArray()) {
        if (said.agents.size() >= kAgentsPerSourceMax) break;
        if (agent.IsString() && is_name(view(agent))) said.agents.emplace_back(view(agent));
      }
    } else if (name == "commands" && value.IsArray()) {
      said.commands_json = json_of(value);
      if (said.commands_json.size() > kCommandsJsonBytesMax) said.commands_json = "[]";
    } else if (name == "host" && value.IsString()) {
      said.host = cut(view(value), kHostBytesMax);
    } else if (name == "state" && value.IsString()) {
      said.activity = cut(view(value), kNameBytesMax);
    } else if (name == "pid" && value.IsInt64()) {
      said.pid = value.GetInt64();
    } else if (name == "replay" && value.IsString()) {
      said.repairs_any_time = value == "any_time";
    } else if (name == "control" && value.IsString() && value.GetStringLength() <= kHostBytesMax) {
      said.control = view(value);
    } else if (name == "clock" && value.IsNumber()) {
      said.clock_json = json_of(value);
    } else if (name == "head" || name == "oldest") {
      // Of a number beyond what a source_seq may be, nothing is believed.
      const auto n = read_integer(&value, name, 0, kIntegerMax);
      if (n) (name == "head" ? said.head : said.oldest) = n.value();
    }
  }
  return said;
}

}  // namespace bridge
