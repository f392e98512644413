// ppo-bench: the bridge's speed and memory, next to a plain bridge and to the machine's floor.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <string>

#include "cluster.h"
#include "commands.h"
#include "event_text.h"
#include "hop.h"
#include "idle_memory.h"
#include "ingest.h"
#include "latency.h"
#include "options.h"
#include "peers/peer_report.h"
#include "peers/peers.h"
#include "peers/server_peer.h"
#include "report.h"
#include "report_parts.h"
#include "rows.h"
#include "statistics.h"
#include "storm.h"
#include "subscriptions.h"
#include "support/process.h"
#include "threads.h"
#include "throughput.h"

namespace bench {

std::atomic<bool> interrupted{false};

namespace {

// What the bridge must reach where the most clients were measured; 0 = not asked for.
struct Requirements {
  double times_plain = 0.0;
  double times_raw = 0.0;
  double times_best_peer = 0.0;
  double p99_of_best_peer = 0.0;
  double idle_bytes = 0.0;
  double hop_p50_times = 0.0;
  double hop_p99_times = 0.0;
  double command_p50_times = 0.0;
  double command_p99_times = 0.0;
  double journal_times = 0.0;
  double resume_times = 0.0;
  double resume_p99_times = 0.0;
  double subscriptions_times = 0.0;
  double ingest_times = 0.0;
  double unbatched_times = 0.0;
  double cluster_times = 0.0;
  double cluster_p50_times = 0.0;
};

// The first signal asks for an orderly end; a second one ends at once. The kernel then ends the
// children, but not theirs.
void on_signal(int) {
  if (!interrupted.exchange(true)) return;
  kill_running_server();
  ::_exit(130);
}

void watch_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

bool check(const Report& report, const Requirements& wanted) {
  bool met = true;
  const ThroughputRow* row = nullptr;
  for (const ThroughputRow& candidate : report.throughput) {
    const bool larger = row == nullptr || candidate.clients > row->clients;
    if (candidate.subject == "bridge" && larger) row = &candidate;
  }
  if (row != nullptr) {
    std::printf("\n");
    met &= meets("bridge / plain, deliveries/s",
                 ratio_to(report.throughput, *row, "plain", &ThroughputRound::deliveries_per_s),
                 wanted.times_plain, false);
    met &= meets("bridge / raw, bytes/s",
                 ratio_to(report.throughput, *row, "raw", &ThroughputRound::bytes_per_s),
                 wanted.times_raw, false);
    met &= meets("bridge / best peer, deliveries/s", times_best_peer(report.throughput),
                 wanted.times_best_peer, false);
  }
  if (!report.latency.empty()) {
    met &= meets("bridge / best peer, p99", p99_of_best_peer(report.latency),
                 wanted.p99_of_best_peer, true);
  }
  for (const IdleMemoryRow& idle : report.idle_memory) {
    if (idle.subject != "bridge") continue;
    met &= meets("bytes an idle client", idle.bytes_per_client, wanted.idle_bytes, true);
  }
  met &= check_hop(report.hop, wanted.hop_p50_times, wanted.hop_p99_times);
  for (const CommandsRow& commands : report.commands) {
    if (commands.cores != "one" || !commands.lost.empty()) continue;
    met &= meets("command / bare request, p50",
                 median_of(commands.rounds, &CommandsRound::p50_times), wanted.command_p50_times,
                 true);
    met &= meets("command / bare request, p99",
                 median_of(commands.rounds, &CommandsRound::p99_times), wanted.command_p99_times,
                 true);
  }
  for (const JournalRow& journal : report.journal) {
    met &= meets("journal / bare inserts, rows/s", median_of(journal.rounds, &JournalRound::times),
                 wanted.journal_times, false);
  }
  for (const ResumeRow& resume : report.resume) {
    met &= meets("resuming client / bare scan, rows/s",
                 median_of(resume.rounds, &ResumeRound::times), wanted.resume_times, false);
    met &= meets("p99 while one resumes / before",
                 median_of(resume.rounds, &ResumeRound::p99_times), wanted.resume_p99_times, true);
  }
  met &= check_subscriptions(report.subscriptions, wanted.subscriptions_times);
  met &= check_cluster(report.cluster, wanted.cluster_times, wanted.cluster_p50_times);
  if (!report.ingest.parse.empty()) {
    met &= meets("intake / RapidJSON's parse, events/s", intake_times(report.ingest),
                 wanted.ingest_times, false);
    met &= meets("bridge / bare ZeroMQ, single messages/s", unbatched_times(report.ingest),
                 wanted.unbatched_times, false);
  }
  return met;
}

// Peers take one event a message, so the bridge is measured with such messages too.
void add_peers(Options& options) {
  const auto add = [](auto& list, const auto& item) {
    if (std::find(list.begin(), list.end(), item) == list.end()) list.push_back(item);
  };
  for (const std::string& name : peer_names()) add(options.subjects, name);
  add(options.batches, std::size_t{1});
}

int run(int argc, char** argv) {
  CLI::App app(
      "Measures the bridge next to a plain bridge and to raw sockets, in one run on the same "
      "cores.\nWithout a mode, all of them but cluster and, without peers, rows.",
      "ppo-bench");
  Options options;
  Requirements wanted;
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  options.programs_directory = here;
  options.bridge_program = here.parent_path() / "bin" / "ppo-bridge";
  std::string json_file;
  app.require_subcommand(0, 13);
  app.fallthrough();
  app.set_help_all_flag("--help-all", "help of all modes");
  app.add_option("--bridge", options.bridge_program, "the ppo-bridge program")
      ->envname("PPO_BRIDGE_BIN")
      ->capture_default_str();
  app.add_option("--subjects", options.subjects, "what to measure, in this order")
      ->delimiter(',')
      ->capture_default_str();
  bool with_peers = false;
  app.add_flag("--peers", with_peers,
               "add what people would use instead (" + CLI::detail::join(peer_names(), ", ") +
                   ") to the subjects, and one event a message to the batches");
  app.add_option("--rounds", options.rounds, "how often each is measured; the median counts")
      ->check(CLI::Range(1, 99))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "length of a measurement")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str();
  app.add_option("--warmup", options.warmup_seconds, "seconds before a measurement")
      ->check(CLI::Range(0.0, 60.0))
      ->capture_default_str();
  app.add_option("--event-bytes", options.event_bytes, "size of an event as published")
      ->check(CLI::Range(EventText::bytes_min(), std::size_t{65536}))
      ->capture_default_str();
  app.add_option("--receive-buffer", options.receive_buffer_bytes,
                 "SO_RCVBUF of each client; 0 = the kernel's choice")
      ->check(CLI::Range(0, 64 << 20))
      ->capture_default_str();
  app.add_option("--set", options.bridge_settings,
                 "a setting of the bridge, KEY=VALUE; may be given several times");
  app.add_option("--json", json_file, "write everything there as JSON");

  std::string results_file;
  std::string commit = "unknown";
  app.add_option("--results", results_file, "rows: a file to add a line of JSON a figure to, so that commits can be followed");
  app.add_option("--commit", commit, "rows: what is measured, as --results names it")->capture_default_str();

  CLI::App* throughput = app.add_subcommand("throughput", "deliveries a second, nothing lost");
  app.add_option("--clients", options.clients, "throughput: numbers of clients")
      ->delimiter(',')
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--batch", options.batches, "throughput: events a ZeroMQ message; 1 = unbatched")
      ->delimiter(',')
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--window", options.window_events,
                 "throughput: events that the publisher may be ahead of the slowest client")
      ->check(CLI::Range(1, 150000))
      ->capture_default_str();
  app.add_option("--require-times-plain", wanted.times_plain,
                 "fail if the bridge delivers fewer times as much, at the most clients");
  app.add_option("--require-times-raw", wanted.times_raw,
                 "fail if the bridge has a smaller share of the floor's bytes/s");
  app.add_option("--require-times-best-peer", wanted.times_best_peer,
                 "fail if the bridge delivers fewer times as much as the best peer");

  CLI::App* idle = app.add_subcommand("idle-memory", "resident memory an idle client");
  app.add_option("--idle-clients", options.idle_clients, "idle-memory: how many")
      ->check(CLI::Range(1, 18000))
      ->capture_default_str();
  app.add_option("--require-idle-bytes", wanted.idle_bytes,
                 "fail if an idle client of the bridge costs more");

  CLI::App* latency = app.add_subcommand("latency", "percentiles on an open-loop schedule");
  app.add_option("--latency-clients", options.latency_clients, "latency: how many")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--rate", options.latency_events_per_s, "latency: events/s")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  app.add_option("--reload-every", options.reload_every_s,
                 "latency: seconds after which the bridge is told to read another configuration; 0 = never")
      ->check(CLI::Range(0.0, 60.0))
      ->capture_default_str();
  app.add_option("--require-p99-of-best-peer", wanted.p99_of_best_peer,
                 "fail if the 99th percentile is more times that of the best peer");

  CLI::App* hop = app.add_subcommand("hop", "a lone event's way, beside a bare ZeroMQ and TCP hop");
  app.add_option("--hop-rate", options.hop_events_per_s,
                 "hop: events/s; few, so that each is alone on its way")
      ->check(CLI::Range(1.0, 5000.0))
      ->capture_default_str();
  app.add_option("--require-hop-p50-times", wanted.hop_p50_times,
                 "fail if the median takes more times as long as the bare hop's");
  app.add_option("--require-hop-p99-times", wanted.hop_p99_times,
                 "fail if the 99th percentile takes more times as long");

  CLI::App* commands = app.add_subcommand("commands", "round trips, beside a bare ZeroMQ pair's");
  app.add_option("--command-rate", options.command_events_per_s,
                 "commands: events/s that flow meanwhile")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  app.add_option("--require-command-p50-times", wanted.command_p50_times,
                 "fail if the median takes more times as long as a bare request's, on one core");
  app.add_option("--require-command-p99-times", wanted.command_p99_times,
                 "fail if the 99th percentile takes more times as long, on one core");

  CLI::App* journal = app.add_subcommand("journal", "rows written a second, beside bare inserts");
  app.add_option("--journal-rows", options.journal_rows, "journal: rows each time")
      ->check(CLI::Range(1000, 5'000'000))
      ->capture_default_str();
  app.add_option("--journal-type", options.journal_type, "journal: the type of its events")
      ->check(CLI::IsMember({"price_update", "trade_executed", "scalar"}))
      ->capture_default_str();
  app.add_option("--require-journal-times", wanted.journal_times,
                 "fail if the journal writes a smaller share of the bare loop's rows/s");
  CLI::App* resume = app.add_subcommand(
      "resume", "a client that was away, beside a bare scan and those who stayed (see latency)");
  app.add_flag("--resume-packed", options.resume_packed, "resume: from a journal that has compressed them");
  app.add_option("--resume-events", options.resume_events, "resume: events it was away for")
      ->check(CLI::Range(1000, 50'000'000))
      ->capture_default_str();
  app.add_option("--require-resume-times", wanted.resume_times,
                 "fail if it reads a smaller share of the bare scan's rows/s");
  app.add_option("--require-resume-p99-times", wanted.resume_p99_times,
                 "fail if the others' 99th percentile grows by a larger factor");

  CLI::App* subscriptions = app.add_subcommand(
      "subscriptions", "CPU time of a delivery where clients want different things");
  app.add_option("--subscription-clients", options.subscription_clients,
                 "subscriptions: numbers of clients")
      ->delimiter(',')
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--subscription-counts", options.subscriptions,
                 "subscriptions: numbers of different ones that the clients share; a number of "
                 "clients has rows for those that are not more")
      ->delimiter(',')
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--require-subscriptions-times", wanted.subscriptions_times,
                 "fail if a delivery costs more times the CPU time of one with a single "
                 "subscription, at the most clients and subscriptions");

  CLI::App* threads = app.add_subcommand(
      "threads", "cost of a delivery where several threads serve the clients");
  app.add_option("--threads", options.threads, "threads: numbers of them (websocket.threads)")
      ->delimiter(',')
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_option("--thread-clients", options.thread_clients, "threads: numbers of clients")
      ->delimiter(',')
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_flag("--instructions", options.count_instructions,
               "threads: count instructions too, with valgrind's callgrind");

  CLI::App* storm = app.add_subcommand(
      "storm", "a crowd that comes back at once for what it missed, from memory and from the journal");
  app.add_option("--storm-clients", options.storm_clients, "storm: how many come back")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--storm-events", options.storm_events, "storm: events that each has missed")
      ->check(CLI::Range(1000, 5'000'000))
      ->capture_default_str();
  app.add_option("--storm-rate", options.storm_events_per_s, "storm: events/s that flow meanwhile")
      ->check(CLI::Range(1.0, 1e6))
      ->capture_default_str();
  CLI::App* ingest = app.add_subcommand(
      "ingest", "events taken in, beside RapidJSON's bare parse and a bare ZeroMQ pair");
  app.add_option("--require-ingest-times", wanted.ingest_times,
                 "fail if batches are taken in at a smaller share of the bare parse's events/s");
  app.add_option("--require-unbatched-times", wanted.unbatched_times,
                 "fail if single messages are taken in at a smaller share of the bare pair's rate");
  CLI::App* rows = app.add_subcommand(
      "rows", "the places where others were quicker or the price was too high, each beside the best; with --peers part of all");
  app.add_option("--row", options.rows_only, "rows: only those whose names on stderr contain this");
  CLI::App* cluster = app.add_subcommand(
      "cluster", "bridges over one log on NATS servers, beside the log alone and a bridge alone");
  app.add_option("--cluster-events", options.cluster_events, "cluster: events that a bridge misses")
      ->check(CLI::Range(1000, 2'000'000))
      ->capture_default_str();
  app.add_option("--require-cluster-times", wanted.cluster_times,
                 "fail if the bridges pass on a smaller share of the bare stream's events/s");
  app.add_option("--require-cluster-p50-times", wanted.cluster_p50_times,
                 "fail if the median takes more times as long as the bare stream's");
  CLI11_PARSE(app, argc, argv);

  watch_signals();
  testing_support::raise_open_files_limit();
  if (with_peers) add_peers(options);
  // What is not installed is found before anything is measured.
  for (const std::string& name : options.subjects) (void)make_subject(name, options);
  const bool all = app.get_subcommands().empty();
  Report report;
  if (all || throughput->parsed()) report.throughput = measure_throughput(options);
  if (all || idle->parsed()) report.idle_memory = measure_idle_memory(options);
  if (all || latency->parsed()) report.latency = measure_latency(options);
  if (all || hop->parsed()) report.hop = measure_hop(options);
  if (all || commands->parsed()) report.commands = measure_commands(options);
  if (all || journal->parsed()) report.journal = measure_journal(options);
  if (all || resume->parsed()) report.resume = measure_resume(options);
  if (all || subscriptions->parsed()) report.subscriptions = measure_subscriptions(options);
  if (all || threads->parsed()) report.threads = measure_threads(options);
  if (all || storm->parsed()) report.storm = measure_storm(options);
  if (all || ingest->parsed()) report.ingest = measure_ingest(options);
  if (all ? with_peers : rows->parsed()) report.rows = measure_rows(row_contests(options), options);
  if (cluster->parsed()) report.cluster = measure_cluster(options);
  print_tables(report, options);
  if (!json_file.empty() && !(std::ofstream(json_file) << to_json(report, options))) {
    throw std::runtime_error("cannot write " + json_file);
  }
  if (!results_file.empty()) keep_rows(report.rows, results_file, commit, today());
  const bool met = check(report, wanted);
  return met && !lost_anything(report) ? 0 : 2;
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  try {
    return bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ppo-bench: %s\n", error.what());
    return bench::interrupted ? 130 : 1;
  }
}
