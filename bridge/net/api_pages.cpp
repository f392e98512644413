#include "net/api_pages.h"

#include <algorithm>

#include "base/text.h"
#include "event/json_document.h"
#include "event/json_writer.h"

namespace bridge {
namespace {

using Kind = ParameterKind;

constexpr std::string_view kOpenApiPath = "/api/openapi.json";
constexpr std::string_view kResultKey = R"("result":)";
constexpr std::string_view kBehindResult = R"(,"elapsed_ms":)";

const ApiPath* api_path(std::string_view path) {
  const auto& all = api_paths();
  const auto found = std::find_if(all.begin(), all.end(), [path](const ApiPath& api) { return api.path == path; });
  return found == all.end() ? nullptr : &*found;
}

HttpReply api_reply(const std::string& json) {
  const std::size_t result = json.find(kResultKey);
  const std::size_t end = json.rfind(kBehindResult);
  if (json.find(R"("success":true)") > result || end == std::string::npos) return reply_of_error(json);
  return reply_with("application/json", json.substr(result + kResultKey.size(), end - result - kResultKey.size()) + "\n");
}

void put_schema(JsonWriter& json, Kind kind) {
  json.key("schema").object();
  if (kind == Kind::list || kind == Kind::names) {
    json.field("type", "array").key("items").object().field("type", "string").end_object();
  } else {
    json.field("type", kind == Kind::integer ? "integer"
                       : kind == Kind::number ? "number"
                       : kind == Kind::flag   ? "boolean"
                                              : "string");
  }
  json.end_object();
}

void put_parameters(JsonWriter& json, const std::vector<ParameterRow>& rows) {
  json.key("parameters").list();
  for (const ParameterRow& row : rows) {
    json.object().field("name", row.name).field("in", "query").field("description", row.help);
    if (row.kind == Kind::list || row.kind == Kind::names) json.field("style", "form").key("explode").add(false);
    put_schema(json, row.kind);
    json.end_object();
  }
  json.end_list();
}

void put_responses(JsonWriter& json, const char* type) {
  json.key("responses").object();
  json.key("200").object().field("description", "the answer").key("content").object();
  json.key(type).object().end_object().end_object().end_object();
  json.key("default").object().field("description", "an error object").key("content").object();
  json.key("application/json").object().key("schema").object().field("$ref", "#/components/schemas/Error").end_object();
  json.end_object().end_object().end_object().end_object();
}

void put_get(JsonWriter& json, std::string_view path, std::string_view help, const char* type,
             const std::vector<ParameterRow>& rows, const char* method = "get") {
  json.key(path).object().key(method).object().field("summary", help);
  put_parameters(json, rows);
  put_responses(json, type);
  json.end_object().end_object();
}

}  // namespace

const std::vector<ApiPath>& api_paths() {
  static const std::vector<ApiPath> all = {
      {"/api/status", "get_status", "The bridge's state and counters.", {}},
      {"/api/runs",
       "get_runs",
       "Which runs there were.",
       {{"count", Kind::integer, "count", "how many, 0..1000 (100)"},
        {"offset", Kind::integer, "offset", "how many to pass over"},
        {"sort", Kind::text, "sort", "started, ended, last, steps, state, source or name; - in front: the other way round"},
        {"run_id", Kind::names, "filter.run_id", "SOURCE@RUN/AGENT"},
        {"source", Kind::names, "filter.source", "of these sources"},
        {"run", Kind::names, "filter.run", "of these runs"},
        {"agent_id", Kind::names, "filter.agent_id", "of these agents"},
        {"state", Kind::names, "filter.state", "running, finished, crashed, interrupted or lost"},
        {"search", Kind::text, "filter.search", "a part of id, name, note or tags"},
        {"hidden", Kind::flag, "filter.hidden", "only those that are hidden"}}},
      {"/api/series",
       "get_series",
       "Curves of runs.",
       {{"run_ids", Kind::list, "run_ids", "SOURCE@RUN/AGENT, with commas between"},
        {"tags", Kind::list, "tags", "names of curves, or beginnings with * behind (all)"},
        {"x", Kind::text, "x", "step, time or relative"},
        {"from", Kind::number, "from", "the range of x, included"},
        {"to", Kind::number, "to", "the range of x, included"},
        {"points_max", Kind::integer, "points_max", "of each curve, 1..20000 (2000)"},
        {"marks", Kind::flag, "marks", "with what marks the axis"}}},
      {"/api/recent",
       "get_recent_events",
       "Events of the log.",
       {{"count", Kind::integer, "count", "how many, 0..10000 (100)"},
        {"type", Kind::names, "type", "types, or beginnings of types with * behind"},
        {"source", Kind::text, "source", "of this source"},
        {"run", Kind::text, "run", "of this run"},
        {"agent_id", Kind::text, "agent_id", "of this agent"},
        {"item", Kind::text, "item", "of this item"},
        {"since_seq", Kind::integer, "since_seq", "the first ones behind it"},
        {"before_seq", Kind::integer, "before_seq", "the last ones before it"},
        {"from_time", Kind::number, "from_time", "seconds since 1970, included"},
        {"to_time", Kind::number, "to_time", "seconds since 1970, included"},
        {"epoch", Kind::text, "epoch", "of which numbering since_seq is"}}},
      {"/api/tallies",
       "get_tallies",
       "Trades added up.",
       {{"at_seq", Kind::integer, "at_seq", "as it was at this event"}}},
  };
  return all;
}

const std::vector<ParameterRow>& event_parameters() {
  static const std::vector<ParameterRow> all = {
      {"types", Kind::list, "subscriptions", "types, or beginnings of types with * behind (all)"},
      {"filter", Kind::json, "filter", "keys of data, or source, to values; a JSON object"},
      {"since", Kind::position, "since", "EPOCH:SEQ, everything behind it; Last-Event-ID says the same and goes first"},
      {"last", Kind::integer, "since.last", "the last so many that pass"},
      {"seconds", Kind::number, "since.seconds", "those of the last so many seconds"},
      {"snapshot", Kind::flag, "snapshot", "the latest event of each thing first"},
      {"deliver", Kind::text, "deliver.mode", "all or latest"},
      {"max_rate_hz", Kind::number, "deliver.max_rate_hz", "of deliver=latest, 0.01..100 (10)"},
      {"on_lag", Kind::text, "on_lag", "gap, latest or close"},
      {"client_id", Kind::text, "client_id", "how the client calls itself"},
      {"client_type", Kind::text, "client_type", "what it is"},
  };
  return all;
}

Result<std::string> stream_request(std::string_view query, std::string_view last_event_id) {
  auto parameters = parse_query(query);
  if (!parameters) return parameters.error();
  QueryParameters& all = parameters.value();
  if (!last_event_id.empty()) {
    // A browser that comes back asks for the same target as at first.
    const auto starts = [](const auto& one) { return one.first == "since" || one.first == "last" || one.first == "seconds"; };
    all.erase(std::remove_if(all.begin(), all.end(), starts), all.end());
    if (!is_utf8(last_event_id)) return Failure{"Last-Event-ID is not UTF-8"};
    all.emplace_back("since", last_event_id);
  }
  auto members = members_of(all, event_parameters());
  if (!members) return members.error();
  return R"({"action":"register")" + std::string(members.value().empty() ? "" : ",") + members.value() + "}";
}

std::string openapi_json(std::string_view version) {
  JsonWriter json;
  json.object().field("openapi", "3.0.3").key("info").object();
  json.field("title", "PPO Bridge").field("version", version).end_object().key("paths").object();
  for (const ApiPath& api : api_paths()) put_get(json, api.path, api.help, "application/json", api.parameters);
  put_get(json, "/events", "Events as they come (Server-Sent Events).", "text/event-stream", event_parameters());
  put_get(json, "/submit_event", "Publishes an event, or several in lines.", "application/json", {}, "post");
  put_get(json, "/healthz", "Whether it is up.", "text/plain", {});
  put_get(json, "/readyz", "Whether it is ready, and why not.", "text/plain", {});
  put_get(json, "/metrics", "Counters for Prometheus.", "text/plain", {});
  json.end_object().key("components").object().key("schemas").object().key("Error").object();
  json.field("type", "object").key("properties").object();
  for (const char* name : {"status", "type"}) json.key(name).object().field("type", "string").end_object();
  json.key("timestamp").object().field("type", "number").end_object();
  json.key("data").object().field("type", "object").key("properties").object();
  for (const char* name : {"error_type", "message"}) json.key(name).object().field("type", "string").end_object();
  json.key("details").object().field("type", "object").end_object();
  json.end_object().end_object().end_object().end_object().end_object();
  json.key("securitySchemes").object().key("token").object();
  json.field("type", "http").field("scheme", "bearer").end_object().end_object();
  return json.end_object().end_object().take() + "\n";
}

std::shared_ptr<RequestBudget> HttpAccounts::of(const HttpRequest& request) {
  const std::string name = request.access != nullptr ? "name " + request.access->name
                                                     : request.remote.substr(0, request.remote.rfind(':'));
  const auto known = by_name_.find(name);
  if (known != by_name_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, known->second);
    return by_use_.front().second;
  }
  by_use_.emplace_front(name, std::make_shared<RequestBudget>(clock_, requests_per_s_max_));
  by_name_.emplace(name, by_use_.begin());
  if (by_use_.size() > kMax) {
    by_name_.erase(by_use_.back().first);
    by_use_.pop_back();
  }
  return by_use_.front().second;
}

bool ApiPages::knows(std::string_view path) {
  return path == kOpenApiPath || api_path(path) != nullptr;
}

bool ApiPages::is_question(std::string_view path) { return api_path(path) != nullptr; }

void ApiPages::handle(const HttpRequest& request, bool own_origin, const HttpAnswer& answer) {
  const std::int64_t now_us = clock_.wall_us();
  if (!own_origin) return answer(error_reply(403, ErrorType::forbidden, "the Origin is another site's", now_us));
  if (request.path == kOpenApiPath) return answer(reply_with("application/json", openapi_json(version_)));
  const ApiPath& api = *api_path(request.path);
  const auto account = accounts_.of(request);
  if (!account->take()) {
    return answer(reply_of_error(error_message({ErrorType::rate_limited, account->refusal()}, {}, {}, now_us)));
  }
  const auto parameters = parse_query(request.query);
  const auto members = parameters ? members_of(parameters.value(), api.parameters) : Result<std::string>(parameters.error());
  if (!members) return answer(error_reply(400, ErrorType::bad_request, members.error().message, now_us));
  const auto asked = read_document(R"({"command":")" + std::string(api.command) + R"(","params":{)" + members.value() + "}}");
  if (!asked) return answer(error_reply(400, ErrorType::bad_request, "the query " + asked.error().message, now_us));
  // The account lasts until the answer: with it the question ends.
  dispatcher_.execute(asked.value(), {}, {"http " + request.remote, account, request.access, 0, request.remote},
                      [account, answer](const std::string& json) { answer(api_reply(json)); });
}

}  // namespace bridge
