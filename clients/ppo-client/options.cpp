#include "ppo-client/options.h"

#include <cmath>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>

#include "feed/json.h"
#include "feed/token.h"
#include "ppo-client/filter.h"
#include "ppo-client/since.h"

namespace client {
namespace {

using feed::json::Object;
using std::chrono::milliseconds;

// How long a reply may take beyond the deadline that the bridge itself keeps.
constexpr milliseconds kReplyMargin{2000};

constexpr int kCountMax = 1'000'000'000;

constexpr const char* kExamples = R"(Examples:
  ppo-client tail                                     everything, as it comes
  ppo-client tail trade_executed 'episode_*'          some types
  ppo-client tail --item 'Twisted bow|Coal' --since 5m
  ppo-client tail --filter 'profit>=100k' --filter action_type=sell
  ppo-client tail --json | jq .data
  ppo-client recent --type error --count 20
  ppo-client replay --from 1d --speed 100             yesterday again, a hundred times as fast
  ppo-client export --format csv --output events.csv  all that the bridge holds
  ppo-client command pause --target agent_0
  ppo-client runs --state running,crashed             every run there was, the newest first
  ppo-client series --run trainer-1@k3f9a2/agent_0 --tag 'losses/*' --format csv
  ppo-client compare trainer-1@k3f9a2 trainer-1@m2x7c1
  ppo-client alerts add 'training_update where policy_loss is NaN' --command pause
  ppo-client shell                                    a prompt; or: echo 'pause agent_0' | ...
  ppo-client status --url ws://127.0.0.1:5178/ws

Exit codes: 0 ok, also after Ctrl-C; 1 the bridge cannot be reached; 2 wrong usage;
3 the bridge answered with an error; 4 with `timeout` or `unknown_outcome`: the command may have
been carried out, or may yet be.
Environment: PPO_BRIDGE_URL, PPO_TOKEN, PPO_TOKEN_FILE, NO_COLOR.)";

constexpr const char* kOthers =
    "Before or behind it also --url, --token-file, --ca, --color, --wait, --json and --timeout: ppo-client --help.";

constexpr const char* kTailHelp =
    R"(A connection that is lost comes back by itself and goes on after the last event shown; what
the bridge no longer has is shown as a gap.

Filters (all must pass; quote them for the shell):
  item=Coal            the text; several with |:  item=Coal|Yew logs
  item_id=4151         the number or the text, whichever the events hold
  item_id="4151"       the text only; in quotes | and .. are plain characters
  profit>=100k         at least; profit<=1.67m at most (k, m, b as in the game)
  price=10..20         from 10 to 20, both included; 10.. and ..20 are open

Since:
  42                   after event 42 of the present epoch (0: from its beginning)
  EPOCH:42             after event 42 of that epoch
  30s 5m 2h 1d         the events of the last 30 seconds, ...
  last:100             the last 100 events)";

constexpr const char* kReplayHelp =
    R"(From and to:
  42                   event 42
  1619395200           that time, in seconds since 1970 (from 1000000000 on)
  30s 5m 2h 1d         so long ago
Left out: all that the bridge holds, in memory and in its journal. Filters are those of tail.)";

// What the options' texts are read into; CLI11 knows these, and the checks below make Options of
// them.
struct Texts {
  std::string token_file;
  std::string colour = "auto";
  double timeout_s = 5;
  double wait_s = 0;
  std::vector<std::string> types;
  std::vector<std::string> more_types;
  std::vector<std::string> filters;
  std::string agent, item, source, type, since, since_seq;
  std::uint64_t count = 0;
  std::string command, params, target, idempotency_key;
  std::vector<std::string> param;
  std::uint64_t deadline_ms = 0;
  std::string from, to, output, format = "ndjson";
  bool force = false;
  double speed = 1;
  std::vector<std::string> states, runs, tags;
  std::string search, sort = "-started", axis = "step", series_format = "table";
  std::uint64_t offset = 0, points = 2000;
  bool hidden = false;
  std::string rule, name, lasting, webhook, words;
  std::uint64_t alert = 0;
};

constexpr const char* kAlertsHelp =
    R"(The bridge watches for these, whether or not anybody is connected. Rules:
  trade_executed where profit > 100k and item = "Abyssal whip"
  training_update where policy_loss is NaN
  training_update where avg(approx_kl, 5m) > 0.05 for 30s
  count(error) per 1m > 10        count(trade_executed where profit < 0) per 1h > 20
  source stalled for 30s          also gone, connected, conflict
  run crashed                     also finished, interrupted, lost
  gap                             events of a source are lost
Fields are members of data (a.b for those within) and source, run, type; operators = != > >= < <= ~
(contains) is; and, or, not and parentheses; numbers as 100k, 1.5m, 5%; avg, min, max, sum, last.)";

constexpr const char* kShellHelp =
    R"(From a terminal a prompt with completion (Tab) and history; otherwise commands from standard
input, one a line: the exit code is that of the first that failed, the others still run.
  pause agent_0                        short for: command pause --target agent_0
  set_hyperparameter agent_0 name=clip_range value=0.1
  sources, status, recent -n 5, help, exit)";

struct Mistake {
  std::string message;
};

template <typename T>
T checked(feed::Result<T> result) {
  if (!result) throw Mistake{result.error()};
  return result.value();
}

milliseconds seconds_option(const char* name, double seconds, double min) {
  if (!(seconds >= min && seconds <= 3600)) {
    throw Mistake{std::string(name) + " must be " + (min > 0 ? "0.1" : "0") + "..3600 seconds"};
  }
  return milliseconds(std::llround(seconds * 1000));
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

TailOptions tail_options(const Texts& texts, bool has_count) {
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

  if (!texts.since.empty()) tail.subscription.since = checked(parse_since(texts.since));
  if (has_count) tail.count = texts.count;
  return tail;
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

ReplayOptions replay_options(const Texts& texts, bool exporting) {
  const feed::Subscription wanted = tail_options(texts, false).subscription;
  Object params;
  if (!texts.from.empty()) params.add("from", replay_end("--from", texts.from));
  if (!texts.to.empty()) params.add("to", replay_end("--to", texts.to));
  std::ostringstream speed;
  speed << (exporting ? 0.0 : texts.speed);
  params.add("speed", speed.str());
  if (wanted.types) {
    std::string types;
    for (const std::string& type : *wanted.types) {
      types += (types.empty() ? "" : ",") + feed::json::quote(type);
    }
    params.add("subscriptions", "[" + types + "]");
  }
  if (!wanted.filter.empty()) params.add("filter", wanted.filter);
  ReplayOptions replay;
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
                          milliseconds deadline) {
  AskOptions ask;
  ask.command = command;
  ask.fields = Object().add_string("command", command).add("params", params).text();
  ask.show = show;
  ask.deadline = deadline;
  return ask;
}

std::string recent_params(const Texts& texts) {
  Object params;
  params.add_number("count", texts.count);
  if (!texts.type.empty()) params.add_string("type", texts.type);
  if (!texts.agent.empty()) params.add_string("agent_id", texts.agent);
  if (!texts.item.empty()) params.add_string("item", texts.item);
  if (!texts.source.empty()) params.add_string("source", texts.source);
  if (!texts.since_seq.empty()) {
    const auto seq = feed::json::as_u64(texts.since_seq);
    if (!seq) throw Mistake{"--since-seq is '" + texts.since_seq + "'; must be a seq, 0 or more"};
    params.add_number("since_seq", *seq);
  }
  return params.text();
}

std::string list_json(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ",") + feed::json::quote(text);
  return "[" + list + "]";
}

AskOptions ask_runs(const Texts& texts, milliseconds timeout) {
  Object filter;
  if (!texts.states.empty()) filter.add("state", list_json(texts.states));
  if (!texts.source.empty()) filter.add_string("source", texts.source);
  if (!texts.agent.empty()) filter.add_string("agent_id", texts.agent);
  if (!texts.search.empty()) filter.add_string("search", texts.search);
  if (texts.hidden) filter.add("hidden", "true");
  Object params;
  params.add("filter", filter.text()).add_string("sort", texts.sort);
  params.add_number("count", texts.count).add_number("offset", texts.offset);
  return bridge_command("get_runs", AskOptions::Show::kRuns, params.text(), timeout);
}

AskOptions ask_series(const Texts& texts, milliseconds timeout) {
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
                        params.text(), timeout);
}

AskOptions ask_compare(const Texts& texts, milliseconds timeout) {
  const std::string filter = Object().add("run_id", list_json(texts.runs)).text();
  AskOptions ask = bridge_command("get_runs", AskOptions::Show::kCompare,
                                  Object().add("filter", filter).text(), timeout);
  ask.runs = texts.runs;
  return ask;
}

AskOptions add_alert(const Texts& texts, milliseconds timeout) {
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
  return bridge_command("create_alert", AskOptions::Show::kAlerts, params.text(), timeout);
}

AskOptions any_command(const Texts& texts, milliseconds timeout) {
  AskOptions ask;
  Object fields;
  fields.add_string("command", texts.command).add("params", params_json(texts));
  if (!texts.target.empty()) fields.add_string("target", texts.target);
  if (texts.deadline_ms > 0) fields.add_number("deadline_ms", texts.deadline_ms);
  if (!texts.idempotency_key.empty()) fields.add_string("idempotency_key", texts.idempotency_key);
  ask.command = texts.command;
  ask.fields = fields.text();
  ask.show = AskOptions::Show::kResult;
  // The bridge ends the waiting with a `timeout` of its own; this side waits a little longer than
  // that.
  ask.deadline = std::max(timeout, milliseconds(texts.deadline_ms) + kReplyMargin);
  return ask;
}

void declare_connection(CLI::App& app, Options& options, Texts& texts) {
  app.add_option("--url", options.url, "The bridge's WebSocket address")
      ->envname("PPO_BRIDGE_URL")
      ->capture_default_str();
  app.add_option("--token-file", texts.token_file, "Where the token is, if the bridge wants one; else PPO_TOKEN,\n"
                                                   "PPO_TOKEN_FILE, ~/.config/ppo-bridge/token");
  app.add_option("--ca", options.ca, "Of a wss:// address: the certificate to trust, or that of who signed it (PEM);\n"
                                     "else those that this machine trusts")
      ->envname("PPO_CA")
      ->type_name("FILE");
  app.add_option("--color,--colour", texts.colour, "Colours in tables; NO_COLOR is honoured")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->capture_default_str();
  app.add_option("--wait", texts.wait_s, "Seconds to keep trying while the bridge is not there yet")
      ->capture_default_str();
}

// `shell`: the options of the shell that a line is of; null for the command line.
std::variant<Options, Leave> parse(int argc, const char* const* argv, const Options* shell) {
  Options options;
  Texts texts;
  if (shell != nullptr) {
    options = *shell;
    texts.timeout_s = static_cast<double>(shell->timeout.count()) / 1000;
  }
  CLI::App app("Watches and asks a PPO bridge.", "ppo-client");
  if (shell == nullptr) app.footer(kOthers);  // each subcommand takes it over, or has its own
  app.require_subcommand(1);
  app.fallthrough();  // these may also stand behind the subcommand
  if (shell == nullptr) {
    app.set_version_flag("--version", "ppo-client " PPO_VERSION);
    declare_connection(app, options, texts);
  }
  app.add_flag("--json", options.json, "What the bridge sent, unchanged, instead of tables");
  app.add_option("--timeout", texts.timeout_s, "Seconds to connect, and to wait for an answer")
      ->capture_default_str();

  const auto list_of_one = [](CLI::Option* option) {
    return option->type_size(1)->allow_extra_args(false);
  };

  // A line of the shell is one request; it knows these two, and they are never parsed there.
  CLI::App elsewhere;
  CLI::App& streaming = shell == nullptr ? app : elsewhere;
  CLI::App* tail = streaming.add_subcommand("tail", "Shows events as they come");
  tail->footer(kTailHelp);
  const auto declare_filters = [&](CLI::App* events) {
    events->add_option("TYPE", texts.types,
                       "Event types; 'order_*' for all that begin so; none: all");
    list_of_one(events->add_option("--types", texts.more_types, "The same, with commas between"))
        ->delimiter(',');
    list_of_one(events->add_option("--filter", texts.filters, "KEY=VALUE, see below; repeatable"));
    events->add_option("--agent", texts.agent, "Short for --filter agent_id=...");
    events->add_option("--item", texts.item, "Short for --filter item=...");
    events->add_option("--source", texts.source, "Short for --filter source=...");
  };
  declare_filters(tail);
  tail->add_option("--since", texts.since, "From where on, see below; else from now on");
  CLI::Option* tail_count = tail->add_option("-n,--count", texts.count, "Stop after so many events")
                                ->check(CLI::Range(1, kCountMax));

  CLI::App* again = streaming.add_subcommand("replay", "Shows a stretch of the past as it came");
  CLI::App* exporting =
      streaming.add_subcommand("export", "Writes a stretch of the past");
  for (CLI::App* past : {again, exporting}) {
    past->footer(kReplayHelp);
    declare_filters(past);
    past->add_option("--from", texts.from, "Where it begins, see below");
    past->add_option("--to", texts.to, "Where it ends, see below");
  }
  again->add_option("--speed", texts.speed, "Times as fast as it happened; 0: at once")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  exporting->add_option("--format", texts.format, "csv or ndjson, one JSON object a line")
      ->check(CLI::IsMember({"csv", "ndjson"}))
      ->capture_default_str();
  CLI::Option* output = exporting->add_option(
      "-o,--output", texts.output, "The file to write, whole or not at all; else standard output");
  exporting->add_flag("--force", texts.force, "Replace it where it is there already")->needs(output);

  CLI::App* interactive = streaming.add_subcommand("shell", "Commands from a prompt or a pipe");
  interactive->footer(kShellHelp);

  CLI::App* recent = app.add_subcommand("recent", "Shows events of the recent past and ends");
  CLI::Option* recent_count =
      recent->add_option("-n,--count", texts.count, "How many at most, the newest (20)")
          ->check(CLI::Range(1, kCountMax));
  recent->add_option("--type", texts.type, "Only this type");
  recent->add_option("--agent", texts.agent, "Only this agent");
  recent->add_option("--item", texts.item, "Only this item");
  recent->add_option("--source", texts.source, "Only this source");
  recent->add_option("--since-seq", texts.since_seq, "Only after the event of this seq");

  CLI::App* runs = app.add_subcommand("runs", "Lists the runs there were, with how they ended");
  CLI::Option* runs_count = runs->add_option("-n,--count", texts.count, "How many at most (100)")
                                ->check(CLI::Range(1, 1000));
  runs->add_option("--offset", texts.offset, "Leave out so many first");
  list_of_one(runs->add_option("--state", texts.states, "running, finished, crashed, interrupted, lost"))
      ->delimiter(',');
  runs->add_option("--source", texts.source, "Only this source");
  runs->add_option("--agent", texts.agent, "Only this agent");
  runs->add_option("--search", texts.search, "A part of the id, name, note or tags");
  runs->add_option("--sort", texts.sort, "started, ended, last, steps, state, source, name; -KEY: down")
      ->capture_default_str();
  runs->add_flag("--hidden", texts.hidden, "Those that were hidden");

  CLI::App* series = app.add_subcommand("series", "Shows curves of runs");
  list_of_one(series->add_option("--run", texts.runs, "A run_id, as `runs` lists them; repeatable"))
      ->required();
  list_of_one(series->add_option("--tag", texts.tags, "A curve, or 'beginning*'; repeatable; none: all"));
  series->add_option("--x", texts.axis, "The axis")
      ->check(CLI::IsMember({"step", "time", "relative"}))
      ->capture_default_str();
  series->add_option("--from", texts.from, "From this place of the axis on");
  series->add_option("--to", texts.to, "Up to this place");
  series->add_option("--points", texts.points, "More points than these are told by stretches (M4)")
      ->check(CLI::Range(1, 20000))
      ->capture_default_str();
  series->add_option("--format", texts.series_format, "table (a line a curve), csv or ndjson (a line a point)")
      ->check(CLI::IsMember({"table", "csv", "ndjson"}))
      ->capture_default_str();

  CLI::App* compare = app.add_subcommand("compare", "Lays two runs side by side");
  compare->add_option("RUN", texts.runs, "Two run_ids")->required()->expected(2);

  CLI::App* alerts = app.add_subcommand("alerts", "What the bridge watches for");
  alerts->require_subcommand(1)->footer(kAlertsHelp);
  CLI::App* list_alerts = alerts->add_subcommand("list", "Lists them, and what is raised");
  CLI::App* new_alert = alerts->add_subcommand("add", "Has the bridge watch for one more");
  new_alert->footer(kAlertsHelp);
  new_alert->add_option("RULE", texts.rule, "When it is raised; quote it for the shell")->required();
  new_alert->add_option("--name", texts.name, "What it is called");
  new_alert->add_option("--for", texts.lasting, "Only if it is so for so long: 30s, 5m, 1h");
  new_alert->add_option("--command", texts.command, "A command for the trainer, carried out when it is raised");
  new_alert->add_option("--target", texts.target, "For whom; else for what raised it");
  list_of_one(new_alert->add_option("--param", texts.param, "KEY=VALUE of the command; repeatable"));
  new_alert->add_option("--params", texts.params, "All parameters as a JSON object");
  new_alert->add_option("--webhook", texts.webhook, "An http or https URL that is sent it as JSON");
  CLI::App* delete_alert = alerts->add_subcommand("delete", "Takes one away");
  CLI::App* acknowledge = alerts->add_subcommand("ack", "Notes that what it raised was seen");
  for (CLI::App* one : {delete_alert, acknowledge}) {
    one->add_option("ID", texts.alert, "As `alerts list` has it")->required()->check(CLI::Range(std::uint64_t{1}, std::uint64_t{INT64_MAX}));
  }

  CLI::App* command = app.add_subcommand("command", "Has a command carried out, prints the result");
  command->footer(
      "A --param's VALUE is JSON where it is valid JSON (5, true, [1,2], \"5\"), else a text.");
  command->add_option("NAME", texts.command, "The command")->required();
  list_of_one(command->add_option("--param", texts.param, "KEY=VALUE; repeatable"));
  command->add_option("--params", texts.params, "All parameters as a JSON object");
  command->add_option("--target", texts.target, "An agent, a source, SOURCE/AGENT, SOURCE@RUN or * for all trainers");
  command->add_option("--deadline-ms", texts.deadline_ms, "How long the bridge waits for a trainer")
      ->check(CLI::Range(1, 60000));
  command->add_option("--idempotency-key", texts.idempotency_key,
                      "The same key within 10 minutes is carried out once");

  struct Thin {
    CLI::App* app;
    const char* command;
    AskOptions::Show show;
  };
  using Show = AskOptions::Show;
  const Thin thin[] = {
      {app.add_subcommand("status", "How the bridge is"), "get_status", Show::kReport},
      {app.add_subcommand("sources", "Who publishes"), "get_sources", Show::kReport},
      {app.add_subcommand("clients", "Who listens"), "get_clients", Show::kReport},
      {app.add_subcommand("types", "Which event types there are"), "get_event_types",
       Show::kReport},
      {app.add_subcommand("snapshot", "The latest event of each type, agent and item"),
       "get_snapshot", Show::kEvents},
  };

  CLI::App* words = streaming.add_subcommand("words", "Prints names for a shell's completion, one a line")->group("");
  words->add_option("KIND", texts.words)
      ->required()
      ->check(CLI::IsMember({"sources", "agents", "commands", "targets", "types", "runs"}));

  if (shell == nullptr) app.footer(kExamples);
  try {
    app.parse(argc, argv);
    const milliseconds timeout = seconds_option("--timeout", texts.timeout_s, 0.1);
    options.timeout = timeout;
    if (shell == nullptr) {
      options.wait = seconds_option("--wait", texts.wait_s, 0);
      options.url = checked(feed::complete_url(options.url));
      options.token = checked(feed::find_token(texts.token_file));
      options.colour = texts.colour == "always"  ? Options::When::kAlways
                       : texts.colour == "never" ? Options::When::kNever
                                                 : Options::When::kAuto;
    }
    if (tail->parsed()) {
      options.task = tail_options(texts, tail_count->count() > 0);
    } else if (again->parsed() || exporting->parsed()) {
      options.task = replay_options(texts, exporting->parsed());
    } else if (interactive->parsed()) {
      options.task = ShellOptions();
    } else if (recent->parsed()) {
      if (recent_count->count() == 0) texts.count = 20;
      options.task =
          bridge_command("get_recent_events", Show::kEvents, recent_params(texts), timeout);
    } else if (runs->parsed()) {
      if (runs_count->count() == 0) texts.count = 100;
      options.task = ask_runs(texts, timeout);
    } else if (series->parsed()) {
      options.task = ask_series(texts, timeout);
    } else if (compare->parsed()) {
      options.task = ask_compare(texts, timeout);
    } else if (list_alerts->parsed()) {
      options.task = bridge_command("list_alerts", Show::kAlerts, "{}", timeout);
    } else if (new_alert->parsed()) {
      options.task = add_alert(texts, timeout);
    } else if (alerts->parsed()) {
      options.task = bridge_command(delete_alert->parsed() ? "delete_alert" : "acknowledge_alert", Show::kAlerts,
                                    Object().add_number("alert_id", texts.alert).text(), timeout);
    } else if (command->parsed()) {
      options.task = any_command(texts, timeout);
    } else if (words->parsed()) {
      const char* const asked = texts.words == "runs"    ? "get_runs"
                                : texts.words == "types" ? "get_event_types"
                                                         : "get_sources";
      AskOptions ask = bridge_command(asked, Show::kWords, "{}", timeout);
      ask.words = texts.words;
      options.task = ask;
    }
    for (const Thin& entry : thin) {
      if (entry.app->parsed()) {
        options.task = bridge_command(entry.command, entry.show, "{}", timeout);
      }
    }
    return options;
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const int code = app.exit(error, out, err);
    if (code == 0) return Leave{kExitOk, out.str()};
    return Leave{kExitUsage, err.str()};
  } catch (const Mistake& mistake) {
    return Leave{kExitUsage, mistake.message + "\nRun with --help for more information.\n"};
  }
}

}  // namespace

std::variant<Options, Leave> parse_options(int argc, const char* const* argv) {
  return parse(argc, argv, nullptr);
}

std::variant<Options, Leave> parse_shell_line(const std::vector<std::string>& words,
                                              const Options& shell) {
  std::vector<const char*> arguments = {"ppo-client"};
  for (const std::string& word : words) arguments.push_back(word.c_str());
  return parse(static_cast<int>(arguments.size()), arguments.data(), &shell);
}

}  // namespace client
