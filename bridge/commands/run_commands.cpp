#include "commands/run_commands.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "event/json_document.h"
#include "event/json_value.h"
#include "event/json_writer.h"
#include "event/number_field.h"
#include "event/request_fields.h"

namespace bridge {
namespace {

using rapidjson::Value;

constexpr std::size_t kListMax = 256;
constexpr std::size_t kRunIdBytesMax = 512;
constexpr std::uint64_t kRunsCountMax = 1000;
constexpr std::uint64_t kSeriesPointsMax = 20'000;
constexpr std::size_t kNoteBytesMax = 4096;
constexpr std::size_t kTagsMax = 64;

// A string, or a list of at most kListMax.
std::vector<std::string> names(FieldReader& params, const char* name) {
  const Value* const value = params.find(name);
  if (value == nullptr) return {};
  if (value->IsString()) return {std::string(view(*value))};
  std::vector<std::string> out;
  if (!value->IsArray() || value->Size() > kListMax) {
    params.fail(name, "must be a string or a list of at most " + std::to_string(kListMax));
    return out;
  }
  for (const Value& one : value->GetArray()) {
    if (one.IsString() && one.GetStringLength() <= kRunIdBytesMax) {
      out.emplace_back(view(one));
    } else {
      params.fail(name, "must be a list of strings of at most " + std::to_string(kRunIdBytesMax) + " bytes");
    }
  }
  return out;
}

RunQuery parse_runs(FieldReader& params) {
  RunsQuery query;
  if (const Value* const filter = params.find("filter")) {
    if (!filter->IsObject()) params.fail("filter", "must be an object");
    FieldReader of(*filter, "params.");
    query.ids = names(of, "run_id");
    query.sources = names(of, "source");
    query.runs = names(of, "run");
    query.agents = names(of, "agent_id");
    query.states = names(of, "state");
    query.search = of.text("search", kRunIdBytesMax);
    query.hidden = of.flag("hidden");
    params.keep(of.problem());
  }
  if (params.find("sort") != nullptr) query.sort = params.text("sort", 64);
  query.count = params.integer("count", 0, kRunsCountMax).value_or(query.count);
  query.offset = params.integer("offset", 0, kIntegerMax).value_or(0);
  return query;
}

std::vector<std::string> parse_run_ids(FieldReader& params) {
  std::vector<std::string> ids = names(params, "run_ids");
  if (ids.empty()) params.fail("run_ids", "must be a list of 1.." + std::to_string(kListMax));
  return ids;
}

RunQuery parse_tags(FieldReader& params) {
  return TagsQuery{parse_run_ids(params), params.text("search", kRunIdBytesMax)};
}

RunQuery parse_series(FieldReader& params) {
  SeriesQuery query;
  query.run_ids = parse_run_ids(params);
  query.tags = names(params, "tags");
  const std::string axis = params.find("x") == nullptr ? "step" : params.text("x", 16);
  if (axis == "time") {
    query.range.axis = SeriesRange::Axis::time;
  } else if (axis == "relative") {
    query.range.axis = SeriesRange::Axis::relative;
  } else if (axis != "step") {
    params.fail("x", "must be step, time or relative");
  }
  query.range.from = params.number("from");
  query.range.to = params.number("to");
  if (query.range.from && query.range.to && *query.range.from > *query.range.to) {
    params.fail("from", "must not be beyond to");
  }
  query.range.points_max = params.integer("points_max", 1, kSeriesPointsMax).value_or(2000);
  query.marks = params.flag("marks").value_or(false);
  return query;
}

RunQuery parse_change(FieldReader& params) {
  RunChange change;
  change.run_id = params.text("run_id", kRunIdBytesMax);
  if (!RunName::parse(change.run_id)) params.fail("run_id", "must be SOURCE@RUN or SOURCE@RUN/AGENT");
  if (params.find("name") != nullptr) change.name = params.text("name", kRunIdBytesMax);
  if (params.find("note") != nullptr) change.note = params.text("note", kNoteBytesMax);
  if (const Value* const tags = params.find("tags")) {
    if (!tags->IsArray() || tags->Size() > kTagsMax || names(params, "tags").size() != tags->Size()) {
      params.fail("tags", "must be a list of at most " + std::to_string(kTagsMax) + " strings");
    }
    change.tags_json = json_text(*tags);
  }
  change.hidden = params.flag("hidden");
  change.pinned = params.flag("pinned");
  change.deleted = params.flag("deleted");
  return change;
}

constexpr std::array<std::string_view, 5> kRunCommands = {"get_runs", "get_tags", "get_series", "get_tallies", "set_run"};

}  // namespace

bool is_run_command(std::string_view command) {
  return std::find(kRunCommands.begin(), kRunCommands.end(), command) != kRunCommands.end();
}

std::string set_run_params(const RunChange& change) {
  JsonWriter json;
  json.object().field("run_id", change.run_id);
  if (change.name) json.field("name", *change.name);
  if (change.note) json.field("note", *change.note);
  if (change.tags_json) json.key("tags").raw(*change.tags_json);
  for (const auto& [name, flag] : {std::pair{"hidden", change.hidden}, std::pair{"pinned", change.pinned}, std::pair{"deleted", change.deleted}}) {
    if (flag) json.field(name, *flag);
  }
  return json.end_object().take();
}

Result<RunQuery, RequestError> parse_run_query(std::string_view command, const Value& value) {
  FieldReader params(value, "params.");
  RunQuery query = command == "get_runs"     ? parse_runs(params)
                   : command == "get_tags"   ? parse_tags(params)
                   : command == "get_series" ? parse_series(params)
                   : command == "set_run"    ? parse_change(params)
                                             : RunQuery(TalliesQuery{params.integer("at_seq", 0, kIntegerMax)});
  if (!params.problem().empty()) return RequestError{ErrorType::bad_request, params.problem()};
  return query;
}

}  // namespace bridge
