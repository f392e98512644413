#include "ppo-client/tasks.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string_view>
#include <utility>

#include "feed/json.h"
#include "ppo-client/filter.h"
#include "ppo-client/since.h"

namespace client {
namespace {

using feed::json::Object;
using std::chrono::milliseconds;

// How long a reply may take beyond the deadline that the bridge itself keeps.
constexpr milliseconds kReplyMargin{2000};

std::string list_json(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ",") + feed::json::quote(text);
  return "[" + list + "]";
}

// One JSON value if it is one, else the text itself.
std::string json_or_text(const std::string& text) {
  return feed::json::valid(text) ? text : feed::json::quote(text);
}

bool is_object(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  return feed::json::valid(text) && text[first] == '{';
}

// --params, with each --param in place of the member of that name.
std::string params_json(const Texts& texts) {
  if (!texts.params.empty() && !is_object(texts.params)) {
    throw Mistake{"--params is '" + texts.params + "'; must be a JSON object"};
  }
  std::vector<std::pair<std::string, std::string>> given;
  for (const std::string& text : texts.param) {
    const size_t sign = text.find('=');
    if (sign == std::string::npos || sign == 0) {
      throw Mistake{"--param is '" + text + "'; must be KEY=VALUE"};
    }
    given.emplace_back(text.substr(0, sign), json_or_text(text.substr(sign + 1)));
  }
  Object params;
  feed::json::for_each_member(texts.params, [&](std::string_view raw_key, std::string_view value) {
    const std::string quoted = "\"" + std::string(raw_key) + "\"";
    const std::string key = feed::json::as_string(quoted).value_or(std::string(raw_key));
    for (const auto& [name, replaced_by] : given) {
      if (name == key) return;
    }
    params.add(key, value);
  });
  for (const auto& [name, value] : given) params.add(name, value);
  return params.text();
}

// One end of a replay as the bridge takes it.
std::string replay_end(const char* name, const std::string& text) {
  const bool number = feed::json::valid(text) && text.find_first_not_of("0123456789.") == std::string::npos;
  if (number) return text;
  const auto since = parse_since(text);
  const auto* ago = since ? std::get_if<feed::SinceSeconds>(&since.value()) : nullptr;
  if (ago == nullptr) {
    throw Mistake{std::string(name) + " is '" + text + "'; must be a seq, a time or so long ago (5m)"};
  }
  std::ostringstream seconds;
  seconds << R"({"seconds":)" << ago->seconds << "}";
  return seconds.str();
}

}  // namespace

milliseconds seconds_option(const char* name, double seconds, double min) {
  if (!(seconds >= min && seconds <= 3600)) {
    throw Mistake{std::string(name) + " must be " + (min > 0 ? "0.1" : "0") + "..3600 seconds"};
  }
  return milliseconds(std::llround(seconds * 1000));
}

TailOptions tail_options(const Texts& texts) {
  TailOptions tail;
  std::vector<std::string> types = texts.types;
  types.insert(types.end(), texts.more_types.begin(), texts.more_types.end());
  if (!types.empty()) tail.subscription.types = std::move(types);

  Filter filter;
  for (const std::string& condition : texts.filters) checked(filter.add(condition));
  if (!texts.agent.empty()) checked(filter.add("agent_id", texts.agent));
  if (!texts.item.empty()) checked(filter.add("item", texts.item));
  if (!texts.source.empty()) checked(filter.add("source", texts.source));
  tail.subscription.filter = filter.json();
  if (!texts.where.empty()) {
    tail.where = checked(Where::read(texts.where));
    // Others need not come at all.
    if (!tail.subscription.types) tail.subscription.types = {tail.where->types()};
  }

  if (!texts.since.empty()) tail.subscription.since = checked(parse_since(texts.since));
  if (texts.count != 0) tail.count = texts.count;
  tail.check = texts.check;
  if (tail.check && (tail.subscription.types || !tail.subscription.filter.empty())) {
    throw Mistake{"--check compares whole logs: no types and no filters"};
  }
  return tail;
}

ReplayOptions replay_options(const Texts& texts, bool exporting) {
  const TailOptions events = tail_options(texts);
  const feed::Subscription& wanted = events.subscription;
  Object params;
  if (!texts.from.empty()) params.add("from", replay_end("--from", texts.from));
  if (!texts.to.empty()) params.add("to", replay_end("--to", texts.to));
  std::ostringstream speed;
  speed << (exporting ? 0.0 : texts.speed);
  params.add("speed", speed.str());
  if (wanted.types) params.add("subscriptions", list_json(*wanted.types));
  if (!wanted.filter.empty()) params.add("filter", wanted.filter);
  ReplayOptions replay;
  replay.where = events.where;
  replay.fields = Object().add_string("command", "replay").add("params", params.text()).text();
  if (exporting) {
    replay.format = texts.format == "csv" ? ReplayOptions::Format::kCsv
                                          : ReplayOptions::Format::kNdjson;
    replay.output = texts.output;
    replay.replace = texts.force;
  }
  return replay;
}

AskOptions bridge_command(const char* command, AskOptions::Show show, const std::string& params,
                          milliseconds deadline_min) {
  AskOptions ask;
  ask.command = command;
  ask.fields = Object().add_string("command", command).add("params", params).text();
  ask.show = show;
  ask.deadline = deadline_min;
  return ask;
}

AskOptions ask_recent(const Texts& texts) {
  constexpr std::uint64_t kPage = 10'000;
  std::optional<Where> where;
  std::string type = texts.type;
  if (!texts.where.empty()) {
    where = checked(Where::read(texts.where));
    if (type.empty() && where->types() != "*") type = where->types();
  }
  Object params;
  const std::uint64_t count = texts.count != 0 ? texts.count : 20;
  params.add_number("count", where ? kPage : count);
  if (!type.empty()) params.add_string("type", type);
  if (!texts.agent.empty()) params.add_string("agent_id", texts.agent);
  if (!texts.item.empty()) params.add_string("item", texts.item);
  if (!texts.source.empty()) params.add_string("source", texts.source);
  if (!texts.since_seq.empty()) {
    const auto seq = feed::json::as_u64(texts.since_seq);
    if (!seq) throw Mistake{"--since-seq is '" + texts.since_seq + "'; must be a seq, 0 or more"};
    params.add_number("since_seq", *seq);
  }
  AskOptions ask = bridge_command("get_recent_events", AskOptions::Show::kEvents, params.text());
  ask.where = std::move(where);
  ask.count = count;
  return ask;
}

AskOptions ask_runs(const Texts& texts) {
  Object filter;
  if (!texts.states.empty()) filter.add("state", list_json(texts.states));
  if (!texts.source.empty()) filter.add_string("source", texts.source);
  if (!texts.agent.empty()) filter.add_string("agent_id", texts.agent);
  if (!texts.search.empty()) filter.add_string("search", texts.search);
  if (texts.hidden) filter.add("hidden", "true");
  Object params;
  params.add("filter", filter.text()).add_string("sort", texts.sort);
  params.add_number("count", texts.count != 0 ? texts.count : 100).add_number("offset", texts.offset);
  return bridge_command("get_runs", AskOptions::Show::kRuns, params.text());
}

AskOptions ask_series(const Texts& texts) {
  using Show = AskOptions::Show;
  const bool table = texts.series_format == "table";  // of which a line is a curve
  Object params;
  params.add("run_ids", list_json(texts.runs));
  if (!texts.tags.empty()) params.add("tags", list_json(texts.tags));
  params.add_string("x", texts.axis);
  for (const auto& [name, text] : {std::pair{"from", &texts.from}, std::pair{"to", &texts.to}}) {
    if (text->empty()) continue;
    if (!feed::json::valid(*text) || text->find_first_not_of("+-.0123456789eE") != std::string::npos) {
      throw Mistake{std::string("--") + name + " is '" + *text + "'; must be a number"};
    }
    params.add(name, *text);
  }
  params.add_number("points_max", table ? 1 : texts.points);
  return bridge_command("get_series",
                        table                           ? Show::kSeries
                        : texts.series_format == "csv" ? Show::kSeriesCsv
                                                        : Show::kSeriesNdjson,
                        params.text());
}

AskOptions ask_compare(const Texts& texts) {
  const std::string filter = Object().add("run_id", list_json(texts.runs)).text();
  AskOptions ask = bridge_command("get_runs", AskOptions::Show::kCompare,
                                  Object().add("filter", filter).text());
  ask.runs = texts.runs;
  return ask;
}

AskOptions ask_audit(const Texts& texts) {
  Object params;
  params.add_number("count", texts.count != 0 ? texts.count : 100);
  if (!texts.since.empty()) params.add_string("before", texts.since);
  return bridge_command("get_audit", AskOptions::Show::kReport, params.text());
}

AskOptions ask_words(const Texts& texts) {
  const char* const command = texts.words == "runs"    ? "get_runs"
                              : texts.words == "types" ? "get_event_types"
                                                       : "get_sources";
  AskOptions ask = bridge_command(command, AskOptions::Show::kWords, "{}");
  ask.words = texts.words;
  return ask;
}

AskOptions add_alert(const Texts& texts) {
  Object action, params;
  if (texts.command.empty() && (!texts.target.empty() || !texts.params.empty() || !texts.param.empty())) {
    throw Mistake{"--target, --param and --params are of a --command"};
  }
  if (!texts.command.empty()) {
    action.add_string("command", texts.command).add("params", params_json(texts));
    if (!texts.target.empty()) action.add_string("target", texts.target);
  }
  if (!texts.webhook.empty()) action.add_string("webhook", texts.webhook);
  params.add_string("rule", texts.rule);
  if (!texts.name.empty()) params.add_string("name", texts.name);
  if (!texts.lasting.empty()) params.add_string("for", texts.lasting);
  if (!texts.command.empty() || !texts.webhook.empty()) params.add("action", action.text());
  return bridge_command("create_alert", AskOptions::Show::kAlerts, params.text());
}

AskOptions any_command(const Texts& texts) {
  AskOptions ask;
  Object fields;
  fields.add_string("command", texts.command).add("params", params_json(texts));
  if (!texts.target.empty()) fields.add_string("target", texts.target);
  if (texts.deadline_ms > 0) fields.add_number("deadline_ms", texts.deadline_ms);
  if (!texts.idempotency_key.empty()) fields.add_string("idempotency_key", texts.idempotency_key);
  ask.command = texts.command;
  ask.fields = fields.text();
  ask.show = AskOptions::Show::kResult;
  // The bridge ends the waiting with a `timeout` of its own; this side waits a little longer than that.
  ask.deadline = milliseconds(texts.deadline_ms) + kReplyMargin;
  return ask;
}

}  // namespace client
