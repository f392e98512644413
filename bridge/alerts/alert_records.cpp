#include "alerts/alert_records.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "event/json_document.h"
#include "event/json_value.h"

namespace bridge {
namespace {

// What a row of the journal has; 0 and "" where it has it not.
std::uint64_t whole(const rapidjson::Value& row, const char* name) {
  const rapidjson::Value* const found = find(row, name);
  return found != nullptr && found->IsUint64() ? found->GetUint64() : 0;
}
std::string text(const rapidjson::Value& row, const char* name) {
  const rapidjson::Value* const found = find(row, name);
  return found != nullptr && found->IsString() ? std::string(view(*found)) : std::string();
}
std::int64_t stamp(const rapidjson::Value& row, const char* name) {
  const rapidjson::Value* const found = find(row, name);
  return found != nullptr && found->IsNumber() ? std::llround(std::clamp(found->GetDouble(), 0.0, 1e12) * 1e6) : 0;
}

}  // namespace

void add_text(JsonWriter& json, const char* name, const std::string& text) {
  if (!text.empty()) json.field(name, text);
}

std::string raised_records(std::uint64_t alert_id) { return "raised/" + std::to_string(alert_id) + "/"; }

std::string record_name(const AlertKey& key) {
  const auto& [id, subject] = key;
  if (!subject) return "alert/" + std::to_string(id);
  return raised_records(id) + subject->source + "@" + subject->run + "/" + subject->agent_id;
}

std::string record_of(const Alert& alert) {
  JsonWriter json;
  json.object().field("alert_id", alert.id);
  add_text(json, "name", alert.name);
  json.field("rule", alert.rule).key("created").seconds(alert.created_us).field("after_seq", alert.after_seq);
  json.field("times", alert.times).field("unacknowledged", alert.unacknowledged);
  add_text(json, "key", alert.key);
  if (alert.version != 0) json.field("version", alert.version);
  if (!alert.action_json.empty()) json.key("action").raw(alert.action_json);
  return json.end_object().take();
}

std::string record_of(const RaisedAlert& raised) {
  const AlertChange& change = raised.change;
  JsonWriter json;
  json.object().field("alert_id", change.alert_id).field("seq", change.seq);
  add_text(json, "source", change.subject.source);
  add_text(json, "run", change.subject.run);
  add_text(json, "agent_id", change.subject.agent_id);
  add_text(json, "type", change.type);
  if (!change.value_json.empty()) json.key("value").raw(change.value_json);
  json.key("since").seconds(change.since_us).field("acknowledged", raised.acknowledged);
  if (!raised.acknowledged_by.empty()) json.key("acknowledged_by").raw(raised.acknowledged_by);
  return json.end_object().take();
}

std::string record_of(const AlertsById& alerts, const AlertKey& key) {
  const auto alert = alerts.find(key.first);
  if (alert == alerts.end()) return {};
  if (!key.second) return record_of(alert->second);
  const auto raised = alert->second.raised.find(*key.second);
  return raised == alert->second.raised.end() ? std::string() : record_of(raised->second);
}

Alert read_alert(const rapidjson::Value& record) {
  Alert alert;
  alert.id = whole(record, "alert_id");
  alert.name = text(record, "name");
  alert.rule = text(record, "rule");
  alert.created_us = stamp(record, "created");
  alert.after_seq = whole(record, "after_seq");
  alert.times = whole(record, "times");
  alert.unacknowledged = whole(record, "unacknowledged");
  alert.key = text(record, "key");
  alert.version = whole(record, "version");
  return alert;
}

RaisedAlert read_raised(const rapidjson::Value& record) {
  RaisedAlert raised;
  raised.change.alert_id = whole(record, "alert_id");
  raised.change.subject = {text(record, "source"), text(record, "run"), text(record, "agent_id")};
  raised.change.seq = whole(record, "seq");
  raised.change.since_us = stamp(record, "since");
  raised.change.type = text(record, "type");
  if (const auto* const found = find(record, "value")) raised.change.value_json = json_text(*found);
  const auto* const acknowledged = find(record, "acknowledged");
  raised.acknowledged = acknowledged != nullptr && acknowledged->IsTrue();
  if (const auto* const by = find(record, "acknowledged_by")) raised.acknowledged_by = json_text(*by);
  return raised;
}

}  // namespace bridge
