#include "commands/run_commands.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "event/json_document.h"
#include "event/json_value.h"
#include "event/json_writer.h"
#include "event/number_field.h"

namespace bridge {
namespace {

using rapidjson::Value;

constexpr std::size_t kListMax = 256;
constexpr std::size_t kRunIdBytesMax = 512;
constexpr std::uint64_t kRunsCountMax = 1000;
constexpr std::uint64_t kSeriesPointsMax = 20'000;
constexpr std::size_t kNoteBytesMax = 4096;
constexpr std::size_t kTagsMax = 64;

struct BadParams {
  std::string message;
};

// The fields of one command's params; the first bad one throws BadParams.
class Params {
 public:
  explicit Params(const Value& params) : params_(params) {}

  const Value* get(const char* name) const {
    return params_.IsObject() ? find(params_, name) : nullptr;
  }
  // A string, or a list of at most kListMax.
  std::vector<std::string> names(const char* name, const Value* value) const {
    std::vector<std::string> out;
    if (value == nullptr) return out;
    if (value->IsString()) return {std::string(view(*value))};
    if (!value->IsArray() || value->Size() > kListMax) {
      fail(name, " must be a string or a list of at most " + std::to_string(kListMax));
    }
    for (const Value& one : value->GetArray()) {
      if (!one.IsString() || one.GetStringLength() > kRunIdBytesMax) {
        fail(name, " must be a list of strings of at most " + std::to_string(kRunIdBytesMax) + " bytes");
      }
      out.emplace_back(view(one));
    }
    return out;
  }
  std::vector<std::string> names(const char* name) const { return names(name, get(name)); }
  std::optional<std::string> text(const char* name, std::size_t bytes_max) const {
    const Value* const value = get(name);
    if (value == nullptr) return std::nullopt;
    if (!value->IsString() || value->GetStringLength() > bytes_max) {
      fail(name, " must be a string of at most " + std::to_string(bytes_max) + " bytes");
    }
    return std::string(view(*value));
  }
  std::optional<std::uint64_t> integer(const char* name, std::uint64_t min, std::uint64_t max) const {
    const Value* const value = get(name);
    if (value == nullptr) return std::nullopt;
    const auto read = read_integer(value, name, min, max);
    if (!read) throw BadParams{read.error().message};
    return read.value();
  }
  std::optional<double> number(const char* name) const {
    const Value* const value = get(name);
    if (value == nullptr) return std::nullopt;
    if (!value->IsNumber() || !std::isfinite(value->GetDouble())) fail(name, " must be a number");
    return value->GetDouble();
  }
  std::optional<bool> flag(const char* name) const {
    const Value* const value = get(name);
    if (value == nullptr) return std::nullopt;
    if (!value->IsBool()) fail(name, " must be true or false");
    return value->GetBool();
  }
  [[noreturn]] void fail(const char* name, const std::string& rule) const { throw BadParams{name + rule}; }

 private:
  const Value& params_;
};

RunQuery parse_runs(const Params& params) {
  RunsQuery query;
  if (const Value* const filter = params.get("filter")) {
    if (!filter->IsObject()) params.fail("filter", " must be an object");
    const Params of(*filter);
    query.ids = of.names("run_id");
    query.sources = of.names("source");
    query.runs = of.names("run");
    query.agents = of.names("agent_id");
    query.states = of.names("state");
    query.search = of.text("search", kRunIdBytesMax).value_or("");
    query.hidden = of.flag("hidden");
  }
  query.sort = params.text("sort", 64).value_or(query.sort);
  query.count = params.integer("count", 0, kRunsCountMax).value_or(query.count);
  query.offset = params.integer("offset", 0, kIntegerMax).value_or(0);
  return query;
}

std::vector<std::string> parse_run_ids(const Params& params) {
  std::vector<std::string> ids = params.names("run_ids");
  if (ids.empty()) params.fail("run_ids", " must be a list of 1.." + std::to_string(kListMax));
  return ids;
}

RunQuery parse_tags(const Params& params) {
  return TagsQuery{parse_run_ids(params), params.text("search", kRunIdBytesMax).value_or("")};
}

RunQuery parse_series(const Params& params) {
  SeriesQuery query;
  query.run_ids = parse_run_ids(params);
  query.tags = params.names("tags");
  const std::string axis = params.text("x", 16).value_or("step");
  if (axis == "time") {
    query.range.axis = SeriesRange::Axis::time;
  } else if (axis == "relative") {
    query.range.axis = SeriesRange::Axis::relative;
  } else if (axis != "step") {
    params.fail("x", " must be step, time or relative");
  }
  query.range.from = params.number("from");
  query.range.to = params.number("to");
  if (query.range.from && query.range.to && *query.range.from > *query.range.to) {
    params.fail("from", " must not be beyond to");
  }
  query.range.points_max = params.integer("points_max", 1, kSeriesPointsMax).value_or(2000);
  query.marks = params.flag("marks").value_or(false);
  return query;
}

RunQuery parse_change(const Params& params) {
  RunChange change;
  const auto id = params.text("run_id", kRunIdBytesMax);
  if (!id || !RunName::parse(*id)) params.fail("run_id", " must be SOURCE@RUN or SOURCE@RUN/AGENT");
  change.run_id = *id;
  change.name = params.text("name", kRunIdBytesMax);
  change.note = params.text("note", kNoteBytesMax);
  if (const Value* const tags = params.get("tags")) {
    if (!tags->IsArray() || tags->Size() > kTagsMax || params.names("tags").size() != tags->Size()) {
      params.fail("tags", " must be a list of at most " + std::to_string(kTagsMax) + " strings");
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
  const Params params(value);
  try {
    if (command == "get_runs") return parse_runs(params);
    if (command == "get_tags") return parse_tags(params);
    if (command == "get_series") return parse_series(params);
    if (command == "set_run") return parse_change(params);
    return RunQuery(TalliesQuery{params.integer("at_seq", 0, kIntegerMax)});
  } catch (const BadParams& bad) {
    return RequestError{ErrorType::bad_request, "params." + bad.message};
  }
}

}  // namespace bridge
