#include "event/readable.h"

#include <optional>
#include <string>

#include "base/text.h"
#include "event/event_fields.h"
#include "event/json_scanner.h"

namespace bridge {
namespace {

constexpr std::string_view kAlertTypes = "alert_";

// The meaning of a member that is a text; empty where there is none, or it is none. Of several of one name the last
// counts, as in a block's index.
std::string last_text(std::string_view object, std::string_view name) {
  std::string_view found;
  std::string decoded;
  for_each_member(object, [&](const JsonString& key, std::string_view value) {
    decoded.clear();
    if (key.escaped) append_decoded(decoded, key.raw);
    if ((key.escaped ? std::string_view(decoded) : key.raw) == name) found = value;
    return true;
  });
  return text_of(found).value_or("");
}

// The bridge's own: by what it is about, and by the event that it tells of.
bool may_read_own(const ReadScope& scope, std::string_view type, std::string_view data) {
  const bool is_alert = type.substr(0, kAlertTypes.size()) == kAlertTypes;
  std::string source = last_text(data, type == "command_executed" ? "trainer" : "source");
  if (source.empty() && !is_alert) source = kOwnSource;
  const std::string agent = last_text(data, "agent_id");
  if (!scope.may_read(type, source, agent)) return false;
  const std::string told = is_alert ? last_text(data, "type") : "";
  return told.empty() || scope.may_read(told, source, agent);
}

}  // namespace

bool may_read(const ReadScope& scope, const Block& block, std::size_t index) {
  const EventEntry& event = block.entry(index);
  const std::string_view type = block.text(event.type);
  const std::string_view source = block.text(event.source);
  if (source == kOwnSource) return may_read_own(scope, type, block.text(event.data));
  if (event.agent_kind != IndexedField::Kind::other || !scope.by_agent()) return scope.may_read(type, source, block.text(event.agent_id));
  // Of events from the journal it stands in the data only.
  return scope.may_read(type, source, last_text(block.text(event.data), "agent_id"));
}

bool may_read(const ReadScopePtr& scope, std::string_view json, std::size_t data_bytes, std::string_view* type) {
  StoredEvent event;
  event.seq = 1;
  event.json = json;
  event.data_bytes = static_cast<std::uint32_t>(data_bytes);
  BlockBuilder builder;
  if (!builder.add_stored(event)) return false;
  const BlockPtr block = builder.seal();
  constexpr std::string_view kBegin = R"({"type":")";
  *type = json.substr(kBegin.size(), block->text(block->entry(0).type).size());
  return may_read(scope, *block, 0);
}

}  // namespace bridge
