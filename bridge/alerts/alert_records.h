// Alerts, and what they have raised, as the journal keeps them: a name and JSON text each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <rapidjson/document.h>

#include "alerts/alert.h"
#include "event/json_writer.h"

namespace bridge {

// An alert, or what it has raised of a subject.
using AlertKey = std::pair<std::uint64_t, std::optional<AlertSubject>>;

std::string record_name(const AlertKey& key);
// The names of all that an alert has raised begin with it.
std::string raised_records(std::uint64_t alert_id);

std::string record_of(const Alert& alert);
std::string record_of(const RaisedAlert& raised);

// Empty where there is no such thing (any more).
std::string record_of(const AlertsById& alerts, const AlertKey& key);

// What these say, and 0 or "" for what they do not. `action` is the caller's to read. REQUIRES: `record` is an object.
Alert read_alert(const rapidjson::Value& record);
RaisedAlert read_raised(const rapidjson::Value& record);

// Adds the member, unless it is "".
void add_text(JsonWriter& json, const char* name, const std::string& text);

}  // namespace bridge
