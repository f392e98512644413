#include "ppo-client/options.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>

#include "feed/bridges.h"
#include "feed/json.h"
#include "feed/token.h"
#include "ppo-client/help.h"
#include "ppo-client/tasks.h"

namespace client {
namespace {

using feed::json::Object;
using std::chrono::milliseconds;

constexpr milliseconds kBackupDeadline{3'600'000};  // of a journal of many GB
constexpr int kCountMax = 1'000'000'000;

// A name as it is, a path as it is from everywhere.
std::string place_of(const std::string& file) {
  return file.find('/') == std::string::npos ? file : std::filesystem::absolute(file).lexically_normal().string();
}

milliseconds seconds_option(const char* name, double seconds, double min) {
  if (!(seconds >= min && seconds <= 3600)) {
    throw Mistake{std::string(name) + " must be " + (min > 0 ? "0.1" : "0") + "..3600 seconds"};
  }
  return milliseconds(std::llround(seconds * 1000));
}

void declare_connection(CLI::App& app, Options& options, Texts& texts) {
  options.url.clear();
  app.add_option("--url", options.url, "The bridge's WebSocket address; of several bridges that share a log all of theirs,\n"
                                       "with commas between; else those of PPO_BRIDGES, or ws://127.0.0.1:5178/ws")
      ->envname("PPO_BRIDGE_URL");
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
  const auto declare_where = [&](CLI::App* events) {
    events->add_option("--where", texts.where, "Only what passes a rule, as alerts and the page's tape have them: `tail --help`");
  };
  declare_filters(tail);
  declare_where(tail);
  tail->add_option("--since", texts.since, "From where on, see below; else from now on");
  CLI::Option* tail_count = tail->add_option("-n,--count", texts.count, "Stop after so many events")
                                ->check(CLI::Range(1, kCountMax));

  tail->add_flag("--check", texts.check, "Compare the logs of several bridges, see below");

  CLI::App* again = streaming.add_subcommand("replay", "Shows a stretch of the past as it came");
  CLI::App* exporting =
      streaming.add_subcommand("export", "Writes a stretch of the past");
  for (CLI::App* past : {again, exporting}) {
    past->footer(kReplayHelp);
    declare_filters(past);
    declare_where(past);
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

  CLI::App* watching = streaming.add_subcommand("top", "The bridge at a glance: sources, clients by lag, delays, memory");
  bool once = false;
  watching->add_flag("--once", once, "Print it once, after a second, and end");
  watching->add_option("--interval", texts.interval_s, "Seconds between two looks")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();

  CLI::App* recent = app.add_subcommand("recent", "Shows events of the recent past and ends");
  CLI::Option* recent_count =
      recent->add_option("-n,--count", texts.count, "How many at most, the newest (20)")
          ->check(CLI::Range(1, kCountMax));
  recent->add_option("--type", texts.type, "Only this type");
  recent->add_option("--agent", texts.agent, "Only this agent");
  recent->add_option("--item", texts.item, "Only this item");
  recent->add_option("--source", texts.source, "Only this source");
  recent->add_option("--since-seq", texts.since_seq, "Only after the event of this seq");
  declare_where(recent);

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

  CLI::App* audit = app.add_subcommand("audit", "Who came in, was refused, and commanded what; for admins");
  CLI::Option* audit_count = audit->add_option("-n,--count", texts.count, "How many lines at most, the newest first (100)")
                                 ->check(CLI::Range(1, 1000));
  audit->add_option("--before", texts.since, "Older ones than those: what `before` was in an answer");

  CLI::App* drain = app.add_subcommand("drain", "Has the bridge take no more clients, send those that are there away, and end");
  CLI::Option* drain_over = drain->add_option("--over", texts.drain_s, "Seconds over which they go; else websocket.drain_s of the bridge")
                                ->check(CLI::Range(0, 3600));

  CLI::App* backup = app.add_subcommand("backup", "Has the bridge copy its journal while it goes on; for admins");
  backup->add_option("FILE", texts.output, "On the bridge's machine, where journal.backup_directory allows; must not be there yet")
      ->required();

  CLI::App* cluster = app.add_subcommand("cluster", "Several bridges over one log")->require_subcommand(1);
  cluster->footer("Exit code 3 also where the bridge is none of several.");

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
      {app.add_subcommand("slow", "What held the bridge up: its last turns of more than 5 ms"), "get_slow_turns", Show::kSlow},
      {cluster->add_subcommand("status", "Its nodes, who leads, how far each is, stalls"), "get_status", Show::kCluster},
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
      const auto is_url = [](const std::string& word) { return word.find("://") != std::string::npos; };
      if (texts.check && std::all_of(texts.types.begin(), texts.types.end(), is_url) && !texts.types.empty()) {
        options.url.clear();
        for (const std::string& url : texts.types) options.url += (options.url.empty() ? "" : ",") + url;
        texts.types.clear();
      }
      if (options.url.empty()) options.url = checked(feed::urls_of_environment());
      std::string urls;
      for (const std::string& url : checked(feed::complete_urls(options.url))) urls += (urls.empty() ? "" : ",") + url;
      options.url = urls;
      options.token = checked(feed::find_token(texts.token_file));
      options.colour = texts.colour == "always"  ? Options::When::kAlways
                       : texts.colour == "never" ? Options::When::kNever
                                                 : Options::When::kAuto;
    }
    if (tail->parsed()) {
      options.task = tail_options(texts, tail_count->count() > 0);
    } else if (again->parsed() || exporting->parsed()) {
      options.task = replay_options(texts, exporting->parsed());
    } else if (watching->parsed()) {
      options.task = TopOptions{once, seconds_option("--interval", texts.interval_s, 0.1)};
    } else if (interactive->parsed()) {
      options.task = ShellOptions();
    } else if (recent->parsed()) {
      if (recent_count->count() == 0) texts.count = 20;
      options.task = ask_recent(texts, timeout);
    } else if (runs->parsed()) {
      if (runs_count->count() == 0) texts.count = 100;
      options.task = ask_runs(texts, timeout);
    } else if (series->parsed()) {
      options.task = ask_series(texts, timeout);
    } else if (compare->parsed()) {
      options.task = ask_compare(texts, timeout);
    } else if (audit->parsed()) {
      if (audit_count->count() == 0) texts.count = 100;
      Object params;
      params.add_number("count", texts.count);
      if (!texts.since.empty()) params.add_string("before", texts.since);
      options.task = bridge_command("get_audit", Show::kReport, params.text(), timeout);
    } else if (drain->parsed()) {
      Object params;
      if (drain_over->count() != 0) params.add_number("drain_s", texts.drain_s);
      options.task = bridge_command("drain", Show::kReport, params.text(), timeout);
    } else if (backup->parsed()) {
      options.task = bridge_command("backup", Show::kReport, Object().add_string("file", place_of(texts.output)).text(),
                                    std::max(timeout, kBackupDeadline));
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
