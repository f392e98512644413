#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include "before_and_while.h"
#include "fan_reader.h"
#include "journal.h"
#include "load.h"
#include "runs/database.h"
#include "statistics.h"
#include "support/bridge_process.h"
#include "support/http.h"
#include "support/json.h"
#include "support/scratch_directory.h"
#include "support/sqlar.h"

namespace bench {
namespace {

using std::chrono::steady_clock;
using testing_support::BridgeProcess;
using testing_support::milliseconds;
using testing_support::RawWebSocket;

constexpr milliseconds kLiveLead{300};
constexpr double kPastEventsPerS = 150'000.0;
constexpr milliseconds kDrainPatience{120'000};
constexpr double kFirstPause = 0.2;  // s without anybody who resumes, at least
constexpr double kAftermath = 0.05;  // s that belong to neither

double milliseconds_of(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

// Reads every column of every row, as the sqlite3 shell would.
double scan_rows_per_s(const std::string& path) {
  bridge::Database db(path);
  testing_support::add_sqlar(db.handle());
  bridge::Statement select(db,
                           "SELECT seq,timestamp,type,source,run,source_seq,agent_id,item,"
                           "data_bytes,body FROM events ORDER BY seq");
  const auto begin = steady_clock::now();
  std::uint64_t rows = 0;
  std::uint64_t bytes = 0;
  while (select.step()) {
    ++rows;
    bytes += select.number(0) & 1;
    bytes += select.real(1) > 0 ? 1 : 0;
    for (const int column : {2, 3, 4, 6, 7, 9}) bytes += select.text(column).size();
    bytes += select.number(5) & 1;
    bytes += select.number(8) & 1;
  }
  const double took = seconds_since(begin);
  if (bytes == 0) throw std::runtime_error("the scan found nothing");
  return static_cast<double>(rows) / took;
}

double metric(const BridgeProcess& bridge, const std::string& name) {
  const std::string body = http(bridge.websocket(), "GET", "/metrics").body;
  const std::size_t at = body.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::strtod(body.c_str() + at + name.size() + 2, nullptr);
}

Connection connect(const BridgeProcess& bridge, const std::string& request) {
  RawWebSocket client = RawWebSocket::connect(bridge.websocket());
  if (!client.receive_text()) throw std::runtime_error("no welcome");
  client.send_text(request);
  const auto reply = client.receive_text();
  if (!reply || testing_support::Json(*reply).string("/status") != "registered") {
    throw std::runtime_error("a client was refused: " + reply.value_or("no reply"));
  }
  Connection connection;
  connection.socket = client.release(connection.unread);
  return connection;
}

// Fills the journal; returns how many events it holds then.
std::uint64_t publish_past(BridgeProcess& bridge, const Options& options) {
  const EventText events(options.event_bytes, "past");
  TickedLoad load(bridge.events_in(), events, kPastEventsPerS, steady_clock::now() + kLiveLead);
  while (!interrupted && load.published() < options.resume_events) {
    std::this_thread::sleep_for(milliseconds{5});
  }
  load.stop();
  if (interrupted) throw std::runtime_error("interrupted");
  const std::uint64_t all = load.published();
  const testing_support::Deadline deadline(kDrainPatience);
  while (metric(bridge, "ppo_bridge_journal_committed_seq") < static_cast<double>(all)) {
    if (deadline.passed()) throw std::runtime_error("the journal does not come to its end");
    std::this_thread::sleep_for(milliseconds{20});
  }
  return all;
}

// Until all but the newest are compressed; tells what that cost.
void wait_packed(const BridgeProcess& bridge, std::uint64_t past) {
  const testing_support::Deadline deadline(kDrainPatience);
  while (metric(bridge, "ppo_bridge_journal_packed_events") + 1024 < static_cast<double>(past)) {
    if (deadline.passed()) throw std::runtime_error("the journal is not compressed to its end");
    std::this_thread::sleep_for(milliseconds{100});
  }
  const double events = metric(bridge, "ppo_bridge_journal_packed_events");
  std::fprintf(stderr, "packed: %.0f events, %.1f bytes each (%.1f before), %.2f us each to pack, %.1f bytes an event of the file\n", events,
               metric(bridge, "ppo_bridge_journal_packed_bytes") / events, metric(bridge, "ppo_bridge_journal_unpacked_bytes") / events,
               metric(bridge, "ppo_bridge_journal_packing_seconds_total") * 1e6 / events,
               metric(bridge, "ppo_bridge_journal_bytes") / static_cast<double>(past));
}

// A client that has nothing yet reads the first `past` events; returns how many a second.
double resume_once(const BridgeProcess& bridge, const std::string& epoch, std::uint64_t past,
                   std::string* lost) {
  SequenceRule rule;
  rule.key = R"("run":"past","source_seq":)";
  const auto asked = steady_clock::now();
  std::vector<Connection> away;
  away.push_back(connect(bridge, R"({"action":"register","since":{"epoch":")" + epoch +
                                     R"(","seq":0}})"));
  FanReader resuming(std::move(away), rule, nullptr);
  resuming.start();
  const bool all = wait_drained(resuming, past);
  const double took = seconds_since(asked);
  resuming.stop();
  if (!all) *lost = "resuming: " + (resuming.failure().empty() ? "stuck" : resuming.failure());
  return static_cast<double>(past) / took;
}

// Medians of the turns: a hiccup of the machine is in one or two of them.
void set_p99(ResumeRound& got, const BeforeAndWhile& latencies) {
  std::vector<double> before;
  std::vector<double> meanwhile;
  std::vector<double> times;
  for (const BeforeAndWhile::Turn& turn : latencies.turns()) {
    if (turn.before.count() == 0 || turn.meanwhile.count() == 0) continue;
    before.push_back(milliseconds_of(turn.before.percentile(0.99)));
    meanwhile.push_back(milliseconds_of(turn.meanwhile.percentile(0.99)));
    times.push_back(meanwhile.back() / before.back());
  }
  if (times.empty()) return;
  got.p99_before_ms = median(std::move(before));
  got.p99_while_ms = median(std::move(meanwhile));
  got.p99_times = median(std::move(times));
}

}  // namespace

ResumeRound measure_resume_once(const Options& options, std::string* lost) {
  const testing_support::ScratchDirectory directory;
  testing_support::BridgeOptions settings;
  settings.program = options.bridge_program;
  settings.settings = {"history.events_max=10000",
                       "journal.path=\"" + directory.file("journal") + "\""};
  if (options.resume_packed) settings.settings.push_back("journal.compress_after_s=1");
  BridgeProcess bridge(settings);
  const std::uint64_t past = publish_past(bridge, options);
  if (options.resume_packed) wait_packed(bridge, past);
  ResumeRound got;
  got.scan_rows_per_s = scan_rows_per_s(directory.file("journal"));

  std::vector<Connection> clients;
  for (std::size_t i = 0; i < options.latency_clients; ++i) {
    clients.push_back(connect(bridge, R"({"action":"register"})"));
  }
  SequenceRule live_rule;
  live_rule.key = R"("run":"live","source_seq":)";
  const auto begin = steady_clock::now() + kLiveLead;
  BeforeAndWhile latencies(begin, options.latency_events_per_s);
  FanReader live(std::move(clients), live_rule, &latencies);
  live.start();
  const EventText events(options.event_bytes, "live");
  OpenLoopLoad load(bridge.events_in(), events, options.latency_events_per_s, begin);
  const auto sleep = [](double seconds) {
    const auto end = steady_clock::now() + std::chrono::duration<double>(seconds);
    while (!interrupted && steady_clock::now() < end) std::this_thread::sleep_for(milliseconds{10});
  };
  sleep(options.warmup_seconds + 0.3);
  RawWebSocket asking = RawWebSocket::connect(bridge.websocket());
  const std::string epoch =
      testing_support::Json(asking.receive_text().value()).string("/data/epoch");
  // One after the other, and as long without one before each: what else the machine does meets both, and a hundredth of
  // the second that one takes is a single hiccup.
  std::vector<double> rows_per_s;
  double took = kFirstPause;
  double watched = 0.0;
  do {
    latencies.set_phase(Phase::kBefore);
    sleep(took);
    latencies.set_phase(Phase::kWhile);
    rows_per_s.push_back(resume_once(bridge, epoch, past, lost));
    latencies.set_phase(Phase::kNone);
    sleep(kAftermath);
    took = std::max(kFirstPause, static_cast<double>(past) / rows_per_s.back());
    watched += took;
  } while (lost->empty() && !interrupted && watched < options.seconds);
  load.stop();
  const bool drained = wait_drained(live, load.published());
  live.stop();
  if (interrupted) throw std::runtime_error("interrupted");
  if (!drained) *lost = "live: " + (live.failure().empty() ? "stuck" : live.failure());
  got.resume_rows_per_s = median(std::move(rows_per_s));
  got.times = got.resume_rows_per_s / got.scan_rows_per_s;
  set_p99(got, latencies);
  bridge.process().signal(SIGTERM);
  bridge.process().wait_exit(kDrainPatience);
  return got;
}

std::vector<ResumeRow> measure_resume(const Options& options) {
  ResumeRow row;
  row.events = options.resume_events;
  row.clients = options.latency_clients;
  row.events_per_s = options.latency_events_per_s;
  for (std::size_t round = 0; round < options.rounds; ++round) {
    row.rounds.push_back(measure_resume_once(options, &row.lost));
    const ResumeRound& got = row.rounds.back();
    std::fprintf(stderr,
                 "resume, round %zu, scan %.0f rows/s, client %.0f events/s: %.2f; p99 %.3f ms, "
                 "while %.3f ms: %.2f%s%s\n",
                 round + 1, got.scan_rows_per_s, got.resume_rows_per_s, got.times,
                 got.p99_before_ms, got.p99_while_ms, got.p99_times,
                 row.lost.empty() ? "" : "  LOST: ", row.lost.c_str());
  }
  return {row};
}

}  // namespace bench
