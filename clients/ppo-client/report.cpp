#include "ppo-client/report.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "ppo-client/json_text.h"
#include "ppo-client/number.h"
#include "ppo-client/table.h"

namespace client {
namespace {

using rapidjson::Value;

constexpr size_t kReportDepthMax = 6;
constexpr size_t kColumnsMax = 100;  // of a table whose rows have whatever members
// From here on (September 2001) a number can be a time of today.
constexpr double kTimestampMin = 1e9;

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

std::string number_text(std::string_view name, const Value& value) {
  const double amount = value.GetDouble();
  if (is_one_of(name, {"pid", "port"})) return to_text(value);
  if (name.find("bytes") != std::string_view::npos && name.find("per") == std::string_view::npos) {
    return byte_size(amount);
  }
  const bool time = ends_with(name, "timestamp") || ends_with(name, "_at") ||
                    ends_with(name, "since") || ends_with(name, "_seen") ||
                    is_one_of(name, {"t", "time", "started", "last_event"});
  if (time && amount >= kTimestampMin) return local_date_time(amount);
  if (ends_with(name, "_ms")) return number(value) + " ms";
  const bool rate = ends_with(name, "per_s") || ends_with(name, "events_s");
  if (!rate && (ends_with(name, "_s") || name == "uptime" || ends_with(name, "_seconds"))) {
    return duration(amount);
  }
  return number(value);
}

// How a source is doing.
Colour colour_of(std::string_view text) {
  if (text == "live") return Colour::kGreen;
  if (text == "stalled") return Colour::kYellow;
  return text == "gone" ? Colour::kRed : Colour::kPlain;
}

bool is_list_of_objects(const Value& value) {
  return value.IsArray() && !value.Empty() &&
         std::all_of(value.Begin(), value.End(), [](const Value& v) { return v.IsObject(); });
}

// What fits on one line: single values, and lists of them.
std::string short_text(std::string_view name, const Value& value) {
  if (value.IsString()) return string_of(&value);
  if (value.IsNumber()) return number_text(name, value);
  if (value.IsBool()) return value.GetBool() ? "yes" : "no";
  if (value.IsNull()) return "-";
  if (value.IsObject()) {
    const Value* const known = find(value, "name");
    const Value* const is = find(value, "value");
    const bool setting = known != nullptr && known->IsString() && is != nullptr && !is->IsObject();
    return setting ? string_of(known) + "=" + short_text("", *is) : to_text(value);
  }
  if (value.Empty()) return "none";
  std::string list;
  for (const Value& element : value.GetArray()) {
    if (!list.empty()) list += ", ";
    list += element.IsArray() ? to_text(element) : short_text(name, element);
  }
  return list;
}

bool is_section(const Value& value) {
  return (value.IsObject() && !value.ObjectEmpty()) || is_list_of_objects(value);
}

std::string table_of(const Value& list, const Style& style, size_t indent) {
  std::vector<std::string> names;
  for (const Value& row : list.GetArray()) {
    for (const auto& member : row.GetObject()) {
      std::string name = string_of(&member.name);
      if (names.size() < kColumnsMax && std::find(names.begin(), names.end(), name) == names.end()) {
        names.push_back(std::move(name));
      }
    }
  }
  if (names.empty()) return {};
  Table table(names);
  for (const Value& row : list.GetArray()) {
    std::vector<Table::Cell> cells;
    for (const std::string& name : names) {
      const Value* value = find(row, name.c_str());
      if (value == nullptr) {
        cells.emplace_back();
      } else {
        const std::string text = short_text(name, *value);
        cells.push_back(
            {text, value->IsNumber(), name == "state" ? colour_of(text) : Colour::kPlain});
      }
    }
    table.add(std::move(cells));
  }
  return table.render(style, indent);
}

std::string object_of(const Value& object, const Style& style, size_t indent, size_t depth) {
  std::string out;
  size_t width = 0;
  size_t sections = 0;
  for (const auto& member : object.GetObject()) {
    if (depth < kReportDepthMax && is_section(member.value)) {
      ++sections;
    } else {
      width = std::max(width, display_width(printable(string_of(&member.name))));
    }
  }
  for (const auto& member : object.GetObject()) {
    if (depth < kReportDepthMax && is_section(member.value)) continue;
    const std::string name = string_of(&member.name);
    Line line;
    line.add(std::string(indent, ' ')).column(name, width, Colour::kDim).add("  ");
    line.add(short_text(name, member.value));
    out += line.render(style) + "\n";
  }
  for (const auto& member : object.GetObject()) {
    if (depth >= kReportDepthMax || !is_section(member.value)) continue;
    // A single table needs no heading: what was asked for says what it is.
    const bool heading = depth > 0 || sections > 1 || member.value.IsObject();
    if (!out.empty() && depth == 0) out += "\n";
    if (heading) {
      Line line;
      line.add(std::string(indent, ' ')).add(string_of(&member.name), Colour::kBold);
      out += line.render(style) + "\n";
    }
    const size_t inner = heading ? indent + 2 : indent;
    out += member.value.IsObject() ? object_of(member.value, style, inner, depth + 1)
                                   : table_of(member.value, style, inner);
  }
  return out;
}

}  // namespace

std::string report(const Value& result, const Style& style) {
  if (result.IsObject() && !result.ObjectEmpty()) return object_of(result, style, 0, 0);
  if (is_list_of_objects(result)) return table_of(result, style, 0);
  return Line().add(result.IsObject() ? "none" : short_text("", result)).render(style) + "\n";
}

}  // namespace client
