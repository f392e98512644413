#include "ppo-client/subcommands.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>

#include <CLI/CLI.hpp>

#include "feed/json.h"
#include "ppo-client/help.h"

namespace client {
namespace {

using feed::json::Object;
using std::chrono::milliseconds;
using As = AskOptions::Show;
using Task = Options::Task;

constexpr milliseconds kBackupDeadline{3'600'000};  // of a journal of many GB
constexpr int kCountMax = 1'000'000'000;

// A name as it is, a path as it is from everywhere.
std::string place_of(const std::string& file) {
  return file.find('/') == std::string::npos ? file : std::filesystem::absolute(file).lexically_normal().string();
}

CLI::Option* list_of_one(CLI::Option* option) {
  return option->type_size(1)->allow_extra_args(false);
}

// Of `tail --check URL,URL,...` the addresses are no types.
void take_urls(Texts& texts) {
  const auto is_url = [](const std::string& word) { return word.find("://") != std::string::npos; };
  if (!texts.check || texts.types.empty() || !std::all_of(texts.types.begin(), texts.types.end(), is_url)) return;
  texts.url.clear();
  for (const std::string& url : texts.types) texts.url += (texts.url.empty() ? "" : ",") + url;
  texts.types.clear();
}

// `make` gives the task, once all options are read.
template <class Make>
CLI::App* add(CLI::App& app, Task& task, const char* name, const char* help, Make make) {
  CLI::App* const added = app.add_subcommand(name, help);
  added->callback([&task, make] { task = make(); });
  return added;
}

// A command of the bridge's own that takes nothing.
void add_own(CLI::App& app, Task& task, const char* name, const char* help, const char* command, As show) {
  add(app, task, name, help, [command, show] { return bridge_command(command, show); });
}

// One that takes an alert.
void add_of_alert(CLI::App& app, Texts& texts, Task& task, const char* name, const char* help, const char* command) {
  add(app, task, name, help, [&texts, command] {
    return bridge_command(command, As::kAlerts, Object().add_number("alert_id", texts.alert).text());
  })->add_option("ID", texts.alert, "As `alerts list` has it")
      ->required()
      ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{INT64_MAX}));
}

void add_count(CLI::App* app, Texts& texts, const char* help, int max) {
  app->add_option("-n,--count", texts.count, help)->check(CLI::Range(1, max));
}

void add_params(CLI::App* app, Texts& texts, const char* help) {
  list_of_one(app->add_option("--param", texts.param, help));
  app->add_option("--params", texts.params, "All parameters as a JSON object");
}

void add_filters(CLI::App* app, Texts& texts) {
  app->add_option("TYPE", texts.types, "Event types; 'order_*' for all that begin so; none: all");
  list_of_one(app->add_option("--types", texts.more_types, "The same, with commas between"))->delimiter(',');
  list_of_one(app->add_option("--filter", texts.filters, "KEY=VALUE, see below; repeatable"));
  app->add_option("--agent", texts.agent, "Short for --filter agent_id=...");
  app->add_option("--item", texts.item, "Short for --filter item=...");
  app->add_option("--source", texts.source, "Short for --filter source=...");
}

void add_where(CLI::App* app, Texts& texts) {
  app->add_option("--where", texts.where, "Only what passes a rule, as alerts and the page's tape have them: `tail --help`");
}

void declare_tail(CLI::App& app, Texts& texts, Task& task) {
  CLI::App* const tail = add(app, task, "tail", "Shows events as they come", [&texts] {
    take_urls(texts);
    return tail_options(texts);
  });
  tail->footer(kTailHelp);
  add_filters(tail, texts);
  add_where(tail, texts);
  tail->add_option("--since", texts.since, "From where on, see below; else from now on");
  add_count(tail, texts, "Stop after so many events", kCountMax);
  tail->add_flag("--check", texts.check, "Compare the logs of several bridges, see below");
}

void declare_past(CLI::App& app, Texts& texts, Task& task) {
  CLI::App* const again = add(app, task, "replay", "Shows a stretch of the past as it came", [&texts] { return replay_options(texts, false); });
  CLI::App* const exporting = add(app, task, "export", "Writes a stretch of the past", [&texts] { return replay_options(texts, true); });
  for (CLI::App* const past : {again, exporting}) {
    past->footer(kReplayHelp);
    add_filters(past, texts);
    add_where(past, texts);
    past->add_option("--from", texts.from, "Where it begins, see below");
    past->add_option("--to", texts.to, "Where it ends, see below");
  }
  again->add_option("--speed", texts.speed, "Times as fast as it happened; 0: at once")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  exporting->add_option("--format", texts.format, "csv or ndjson, one JSON object a line")
      ->check(CLI::IsMember({"csv", "ndjson"}))
      ->capture_default_str();
  CLI::Option* const output = exporting->add_option(
      "-o,--output", texts.output, "The file to write, whole or not at all; else standard output");
  exporting->add_flag("--force", texts.force, "Replace it where it is there already")->needs(output);
}

void declare_standing(CLI::App& app, Texts& texts, Task& task) {
  add(app, task, "shell", "Commands from a prompt or a pipe", [] { return ShellOptions(); })->footer(kShellHelp);
  CLI::App* const top = add(app, task, "top", "The bridge at a glance: sources, clients by lag, delays, memory",
                            [&texts] { return TopOptions{texts.once, seconds_option("--interval", texts.interval_s, 0.1)}; });
  top->add_flag("--once", texts.once, "Print it once, after a second, and end");
  top->add_option("--interval", texts.interval_s, "Seconds between two looks")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  CLI::App* const words = add(app, task, "words", "Prints names for a shell's completion, one a line", [&texts] { return ask_words(texts); });
  words->group("");
  words->add_option("KIND", texts.words)
      ->required()
      ->check(CLI::IsMember({"sources", "agents", "commands", "targets", "types", "runs"}));
}

void declare_recent(CLI::App& app, Texts& texts, Task& task) {
  CLI::App* const recent = add(app, task, "recent", "Shows events of the recent past and ends", [&texts] { return ask_recent(texts); });
  add_count(recent, texts, "How many at most, the newest (20)", kCountMax);
  recent->add_option("--type", texts.type, "Only this type");
  recent->add_option("--agent", texts.agent, "Only this agent");
  recent->add_option("--item", texts.item, "Only this item");
  recent->add_option("--source", texts.source, "Only this source");
  recent->add_option("--since-seq", texts.since_seq, "Only after the event of this seq");
  add_where(recent, texts);
}

void declare_runs(CLI::App& app, Texts& texts, Task& task) {
  CLI::App* const runs = add(app, task, "runs", "Lists the runs there were, with how they ended", [&texts] { return ask_runs(texts); });
  add_count(runs, texts, "How many at most (100)", 1000);
  runs->add_option("--offset", texts.offset, "Leave out so many first");
  list_of_one(runs->add_option("--state", texts.states, "running, finished, crashed, interrupted, lost"))
      ->delimiter(',');
  runs->add_option("--source", texts.source, "Only this source");
  runs->add_option("--agent", texts.agent, "Only this agent");
  runs->add_option("--search", texts.search, "A part of the id, name, note or tags");
  runs->add_option("--sort", texts.sort, "started, ended, last, steps, state, source, name; -KEY: down")
      ->capture_default_str();
  runs->add_flag("--hidden", texts.hidden, "Those that were hidden");

  CLI::App* const series = add(app, task, "series", "Shows curves of runs", [&texts] { return ask_series(texts); });
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

  add(app, task, "compare", "Lays two runs side by side", [&texts] { return ask_compare(texts); })
      ->add_option("RUN", texts.runs, "Two run_ids")
      ->required()
      ->expected(2);
}

void declare_alerts(CLI::App& app, Texts& texts, Task& task) {
  CLI::App* const alerts = app.add_subcommand("alerts", "What the bridge watches for");
  alerts->require_subcommand(1)->footer(kAlertsHelp);
  add_own(*alerts, task, "list", "Lists them, and what is raised", "list_alerts", As::kAlerts);
  CLI::App* const one = add(*alerts, task, "add", "Has the bridge watch for one more", [&texts] { return add_alert(texts); });
  one->footer(kAlertsHelp);
  one->add_option("RULE", texts.rule, "When it is raised; quote it for the shell")->required();
  one->add_option("--name", texts.name, "What it is called");
  one->add_option("--for", texts.lasting, "Only if it is so for so long: 30s, 5m, 1h");
  one->add_option("--command", texts.command, "A command for the trainer, carried out when it is raised");
  one->add_option("--target", texts.target, "For whom; else for what raised it");
  add_params(one, texts, "KEY=VALUE of the command; repeatable");
  one->add_option("--webhook", texts.webhook, "An http or https URL that is sent it as JSON");
  add_of_alert(*alerts, texts, task, "delete", "Takes one away", "delete_alert");
  add_of_alert(*alerts, texts, task, "ack", "Notes that what it raised was seen", "acknowledge_alert");
}

void declare_administration(CLI::App& app, Texts& texts, Task& task) {
  CLI::App* const audit = add(app, task, "audit", "Who came in, was refused, and commanded what; for admins", [&texts] { return ask_audit(texts); });
  add_count(audit, texts, "How many lines at most, the newest first (100)", 1000);
  audit->add_option("--before", texts.since, "Older ones than those: what `before` was in an answer");

  CLI::App* const drain = add(app, task, "drain", "Has the bridge take no more clients, send those that are there away, and end", [&texts] {
    Object params;
    if (texts.drain_s) params.add_number("drain_s", *texts.drain_s);
    return bridge_command("drain", As::kReport, params.text());
  });
  drain->add_option("--over", texts.drain_s, "Seconds over which they go; else websocket.drain_s of the bridge")
      ->check(CLI::Range(0, 3600));

  CLI::App* const backup = add(app, task, "backup", "Has the bridge copy its journal while it goes on; for admins", [&texts] {
    const Object params = Object().add_string("file", place_of(texts.output));
    return bridge_command("backup", As::kReport, params.text(), kBackupDeadline);
  });
  backup->add_option("FILE", texts.output, "On the bridge's machine, where journal.backup_directory allows; must not be there yet")
      ->required();

  CLI::App* const cluster = app.add_subcommand("cluster", "Several bridges over one log")->require_subcommand(1);
  cluster->footer("Exit code 3 also where the bridge is none of several.");
  add_own(*cluster, task, "status", "Its nodes, who leads, how far each is, stalls", "get_status", As::kCluster);
}

void declare_command(CLI::App& app, Texts& texts, Task& task) {
  CLI::App* const command = add(app, task, "command", "Has a command carried out, prints the result", [&texts] { return any_command(texts); });
  command->footer("A --param's VALUE is JSON where it is valid JSON (5, true, [1,2], \"5\"), else a text.");
  command->add_option("NAME", texts.command, "The command")->required();
  add_params(command, texts, "KEY=VALUE; repeatable");
  command->add_option("--target", texts.target, "An agent, a source, SOURCE/AGENT, SOURCE@RUN or * for all trainers");
  command->add_option("--deadline-ms", texts.deadline_ms, "How long the bridge waits for a trainer")
      ->check(CLI::Range(1, 60000));
  command->add_option("--idempotency-key", texts.idempotency_key,
                      "The same key within 10 minutes is carried out once");
}

void declare_questions(CLI::App& app, Task& task) {
  add_own(app, task, "status", "How the bridge is", "get_status", As::kReport);
  add_own(app, task, "sources", "Who publishes", "get_sources", As::kReport);
  add_own(app, task, "clients", "Who listens", "get_clients", As::kReport);
  add_own(app, task, "slow", "What held the bridge up: its last turns of more than 5 ms", "get_slow_turns", As::kSlow);
  add_own(app, task, "types", "Which event types there are", "get_event_types", As::kReport);
  add_own(app, task, "snapshot", "The latest event of each type, agent and item", "get_snapshot", As::kEvents);
}

}  // namespace

void declare_subcommands(CLI::App& asking, CLI::App& streaming, Texts& texts, Task& task) {
  declare_tail(streaming, texts, task);
  declare_past(streaming, texts, task);
  declare_standing(streaming, texts, task);
  declare_recent(asking, texts, task);
  declare_runs(asking, texts, task);
  declare_alerts(asking, texts, task);
  declare_administration(asking, texts, task);
  declare_command(asking, texts, task);
  declare_questions(asking, task);
}

}  // namespace client
