#include "ppo-client/runs_text.h"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "feed/json.h"
#include "ppo-client/json_text.h"
#include "ppo-client/number.h"
#include "ppo-client/table.h"

namespace client {
namespace {

namespace json = feed::json;
using rapidjson::Value;

constexpr std::array<const char*, 6> kPointColumns = {"x", "first", "last", "min", "max", "n"};

Colour colour_of_state(const std::string& state) {
  if (state == "running") return Colour::kGreen;
  return state == "crashed" || state == "lost" ? Colour::kRed : Colour::kPlain;
}

// How long it ran, or has.
std::string duration_of(const Value& run) {
  const Value* const started = find(run, "started");
  const Value* until = find(run, "ended");
  if (until == nullptr || !until->IsNumber()) until = find(run, "last_event");
  if (started == nullptr || !started->IsNumber() || until == nullptr || !until->IsNumber()) return "-";
  return duration(std::max(0.0, until->GetDouble() - started->GetDouble()));
}

std::string runs_table(const Value& result, const Style& style) {
  Table table({"RUN", "NAME", "STATE", "STARTED", "FOR", "STEPS", "ERROR"});
  if (const Value* const runs = find(result, "runs"); runs != nullptr && runs->IsArray()) {
    for (const Value& run : runs->GetArray()) {
      const std::string state = string_of(find(run, "state"));
      table.add({{string_of(find(run, "run_id"))},
                 {string_of(find(run, "name"))},
                 {state, false, colour_of_state(state)},
                 {time_cell_of(find(run, "started"))},
                 {duration_of(run), true},
                 {cell_of(find(run, "steps")), true},
                 {string_of(find(run, "error"))}});
    }
  }
  return table.render(style);
}

// A line for each thing that either has: what they are, their config, their last metrics.
RunsText compare(const Value& result, const AskOptions& task, const Style& style) {
  RunsText out;
  std::vector<const Value*> found;
  const Value* const runs = find(result, "runs");
  for (const std::string& id : task.runs) {
    const Value* match = nullptr;
    if (runs != nullptr && runs->IsArray()) {
      for (const Value& run : runs->GetArray()) {
        if (string_of(find(run, "run_id")) == id) match = &run;
      }
    }
    if (match == nullptr) out.unknown.push_back(id);
    found.push_back(match);
  }
  if (!out.unknown.empty()) return out;
  std::vector<std::string> header = {""};
  header.insert(header.end(), task.runs.begin(), task.runs.end());
  Table table(header);
  const auto add = [&](const std::string& name, const auto& text_of) {
    std::vector<Table::Cell> row = {{name}};
    bool differs = false;
    for (const Value* run : found) {
      row.push_back({text_of(*run)});
      differs = differs || row.back().text != row[1].text;
    }
    for (std::size_t i = 1; differs && i < row.size(); ++i) row[i].colour = Colour::kBold;
    table.add(std::move(row));
  };
  for (const char* const name : {"name", "state", "steps", "error", "note"}) {
    add(name, [name](const Value& run) { return cell_of(find(run, name)); });
  }
  add("started", [](const Value& run) { return time_cell_of(find(run, "started")); });
  add("ran for", duration_of);
  for (const char* const group : {"config", "metrics"}) {
    std::map<std::string, bool> names;
    for (const Value* run : found) {
      const Value* const members = find(*run, group);
      if (members == nullptr || !members->IsObject()) continue;
      for (const auto& member : members->GetObject()) names[string_of(&member.name)] = true;
    }
    for (const auto& [name, yes] : names) {
      add(std::string(group) + "." + name, [&, name = name](const Value& run) {
        const Value* const members = find(run, group);
        return members == nullptr ? std::string("-") : cell_of(find(*members, name.c_str()));
      });
    }
  }
  out.text = table.render(style);
  return out;
}

// A line a point, digit for digit.
std::string point_lines(std::string_view result, bool csv, bool terminal) {
  std::string out = csv ? "run_id,tag,x,first,last,min,max,n\n" : "";
  json::for_each_element(json::member(result, "series"), [&](std::string_view series) {
    const std::string_view run = json::member(series, "run_id");
    const std::string_view tag = json::member(series, "tag");
    json::for_each_element(json::member(series, "points"), [&](std::string_view point) {
      json::Object line;
      std::string row = csv_field(run) + "," + csv_field(tag);
      line.add("run_id", run).add("tag", tag);
      std::size_t i = 0;
      json::for_each_element(point, [&](std::string_view value) {
        if (i == kPointColumns.size()) return;
        row += "," + (value == "null" ? "" : csv_field(value));
        line.add(kPointColumns[i++], value);
      });
      out += (!csv ? one_line(line.text(), terminal) : terminal ? printable(row) : row) + "\n";
    });
  });
  return out;
}

std::string series_table(const Value& result, const Style& style) {
  Table table({"RUN", "TAG", "POINTS", "FIRST", "LAST", "MIN", "MAX"});
  if (const Value* const series = find(result, "series"); series != nullptr && series->IsArray()) {
    for (const Value& one : series->GetArray()) {
      const Value* const points = find(one, "points");
      const Value* all = nullptr;
      if (points != nullptr && points->IsArray() && !points->Empty() && (*points)[0].IsArray()) {
        all = &(*points)[0];
      }
      const auto column = [&](rapidjson::SizeType i) {
        return cell_of(all != nullptr && i < all->Size() ? &(*all)[i] : nullptr);
      };
      table.add({{string_of(find(one, "run_id"))},
                 {string_of(find(one, "tag"))},
                 {column(5), true},
                 {column(1), true},
                 {column(2), true},
                 {column(3), true},
                 {column(4), true}});
    }
  }
  return table.render(style);
}

}  // namespace

RunsText runs_text(std::string_view result, const AskOptions& task, const Style& style, bool terminal) {
  using Show = AskOptions::Show;
  RunsText out;
  json::for_each_element(json::member(result, "unknown"), [&](std::string_view run) {
    out.unknown.push_back(json::as_string(run).value_or(std::string(run)));
  });
  if (task.show == Show::kSeriesCsv || task.show == Show::kSeriesNdjson) {
    out.text = point_lines(result, task.show == Show::kSeriesCsv, terminal);
    return out;
  }
  const auto document = parse(result);
  if (!document) {
    out.text = compact(result) + "\n";
    return out;
  }
  if (task.show == Show::kCompare) return compare(*document, task, style);
  out.text = task.show == Show::kRuns ? runs_table(*document, style) : series_table(*document, style);
  return out;
}

}  // namespace client
