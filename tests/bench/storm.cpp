#include "storm.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <stdexcept>
#include <thread>
#include <utility>

#include "before_and_while.h"
#include "event_text.h"
#include "fan_reader.h"
#include "load.h"
#include "statistics.h"
#include "support/bridge_process.h"
#include "support/json.h"
#include "support/raw_websocket.h"
#include "support/scratch_directory.h"
#include "support/wait.h"

namespace bench {
namespace {

using std::chrono::steady_clock;
using testing_support::BridgeProcess;
using testing_support::milliseconds;
using testing_support::RawWebSocket;
using testing_support::TcpSocket;

constexpr milliseconds kStormLead{300};
constexpr double kStormPastEventsPerS = 100'000.0;
constexpr std::size_t kStayed = 10;
constexpr double kStormSecondsMax = 45.0;
// Who is so little behind what was published has caught up: the rest is on its way.
constexpr double kLagSeconds = 0.05;

// The most memory that the process has ever had resident.
double peak_resident_bytes(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string word; status >> word;) {
    if (word != "VmHWM:") continue;
    double kilobytes = 0.0;
    status >> kilobytes;
    return kilobytes * 1024.0;
  }
  return 0.0;
}

// Publishes the past, all of it from one start, and returns how many events it is.
std::uint64_t publish_past(const BridgeProcess& bridge, const EventText& events,
                           std::size_t count) {
  RawWebSocket watcher = RawWebSocket::connect(bridge.websocket());
  if (!watcher.receive_text()) throw std::runtime_error("the bridge sent no welcome");
  watcher.send_text(R"({"action":"register"})");
  if (!watcher.receive_text()) throw std::runtime_error("the bridge did not answer register");
  std::vector<Connection> one(1);
  one[0].socket = watcher.release(one[0].unread);
  FanReader reader(std::move(one), SequenceRule{}, nullptr);
  reader.start();
  TickedLoad load(bridge.events_in(), events, kStormPastEventsPerS, steady_clock::now() + kStormLead);
  while (!interrupted && !reader.failed() && load.published() < count) {
    std::this_thread::sleep_for(milliseconds{1});
  }
  load.stop();
  const bool drained = load.failure().empty() && wait_drained(reader, load.published());
  reader.stop();
  if (interrupted) throw std::runtime_error("interrupted");
  if (!drained) throw std::runtime_error("the past did not arrive: " + reader.failure());
  return load.published();
}

// Sends a handshake and a register behind it, and leaves both answers to the reader.
Connection knock(const BridgeProcess& bridge, const std::string& request) {
  const auto address = bridge.websocket();
  Connection connection;
  connection.handshaking = true;
  connection.socket = TcpSocket::connect(address);
  const std::string handshake =
      "GET /ws HTTP/1.1\r\nHost: " + address.text() +
      "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  const std::string frame = testing_support::encode_frame(
      {testing_support::Opcode::kText, request, true, true, 0, {}});
  if (!connection.socket.send_all(handshake + frame)) {
    throw std::runtime_error("a client was not let in");
  }
  return connection;
}

std::vector<Connection> stay(const BridgeProcess& bridge, std::string& epoch) {
  std::vector<Connection> connections;
  for (std::size_t i = 0; i < kStayed; ++i) {
    RawWebSocket client = RawWebSocket::connect(bridge.websocket());
    if (!client.receive_text()) throw std::runtime_error("the bridge sent no welcome");
    client.send_text(R"({"action":"register"})");
    const auto reply = client.receive_text();
    if (!reply) throw std::runtime_error("the bridge did not answer register");
    epoch = testing_support::Json(*reply).string("/epoch");
    Connection connection;
    connection.socket = client.release(connection.unread);
    connections.push_back(std::move(connection));
  }
  return connections;
}

// Waits until all that came back have `wanted()` events; false if that comes to nothing.
template <typename Wanted>
bool wait_caught_up(const FanReader& crowd, const Wanted& wanted, steady_clock::time_point begin) {
  while (crowd.slowest() < static_cast<std::uint64_t>(wanted())) {
    if (interrupted || crowd.failed() || seconds_since(begin) > kStormSecondsMax) return false;
    std::this_thread::sleep_for(milliseconds{1});
  }
  return true;
}

std::string complaint(const FanReader& reader, const char* who, const char* otherwise) {
  return std::string(who) + ": " + (reader.failure().empty() ? otherwise : reader.failure());
}

StormRound measure(const std::string& from, const Options& options, std::string& lost) {
  const testing_support::ScratchDirectory directory;
  testing_support::BridgeOptions settings;
  settings.program = options.bridge_program;
  settings.settings = {"websocket.clients_max=20000"};
  if (from == "journal") {
    const std::size_t kept = std::max<std::size_t>(options.storm_events / 10, 100);
    settings.settings.push_back("history.events_max=" + std::to_string(kept));
    settings.settings.push_back("journal.path=\"" + directory.file("journal") + "\"");
  } else {
    const std::size_t kept = 4 * options.storm_events;
    settings.settings.push_back("history.events_max=" + std::to_string(kept));
    settings.settings.push_back("history.bytes_max=" +
                                std::to_string(kept * (options.event_bytes + 200)));
  }
  BridgeProcess bridge(settings);
  const pid_t process = bridge.process().pid();
  const EventText past_events(options.event_bytes, "past");
  const std::uint64_t past = publish_past(bridge, past_events, options.storm_events);

  std::string epoch;
  std::vector<Connection> stayed = stay(bridge, epoch);
  const auto begin = steady_clock::now() + kStormLead;
  BeforeAndWhile latencies(begin, options.storm_events_per_s);
  FanReader live(std::move(stayed), SequenceRule{}, &latencies);
  live.start();
  const EventText live_events(options.event_bytes, "live");
  OpenLoopLoad load(bridge.events_in(), live_events, options.storm_events_per_s, begin);
  pass(in_ms(kStormLead) / 1e3 + options.warmup_seconds, live);
  latencies.set_phase(Phase::kBefore);
  pass(options.seconds, live);
  StormRound got;
  got.resident_bytes_before = static_cast<double>(testing_support::resident_bytes(process));

  const std::string request =
      R"({"action":"register","since":{"epoch":")" + epoch + R"(","seq":0}})";
  SequenceRule rule;
  rule.cycle = past;  // the live ones begin at 1 again
  latencies.set_phase(Phase::kWhile);
  const auto storm_begin = steady_clock::now();
  std::vector<Connection> connections;
  for (std::size_t i = 0; i < options.storm_clients; ++i) {
    connections.push_back(knock(bridge, request));
  }
  FanReader crowd(std::move(connections), rule, nullptr);
  crowd.start();
  wait_caught_up(crowd, [] { return 1; }, storm_begin);
  got.first_event_s = seconds_since(storm_begin);
  const auto lag = static_cast<std::uint64_t>(std::ceil(kLagSeconds * options.storm_events_per_s));
  const bool caught_up = wait_caught_up(
      crowd, [&] { return past + load.published() - std::min(load.published(), lag); },
      storm_begin);
  got.caught_up_s = seconds_since(storm_begin);
  got.deliveries_per_s = static_cast<double>(crowd.deliveries()) / got.caught_up_s;
  latencies.set_phase(Phase::kNone);
  got.resident_bytes_peak = peak_resident_bytes(process);

  load.stop();
  const std::uint64_t published = load.published();
  const bool crowd_drained = caught_up && wait_drained(crowd, past + published);
  const bool live_drained = crowd_drained && wait_drained(live, published);
  const std::uint64_t slowest = crowd.slowest();
  crowd.stop();
  live.stop();
  if (interrupted) throw std::runtime_error("interrupted");
  if (!load.failure().empty()) {
    lost = load.failure();
  } else if (!crowd_drained) {
    const std::string where = "the slowest has " + std::to_string(slowest) + " of " +
                              std::to_string(past + published) + " events";
    lost = complaint(crowd, "who came back", where.c_str());
  } else if (!live_drained) {
    lost = complaint(live, "who stayed", "not all events came");
  }
  got.p99_before_ms = in_ms(latencies.before().percentile(0.99));
  got.p99_while_ms = in_ms(latencies.meanwhile().percentile(0.99));
  got.max_while_ms = in_ms(latencies.meanwhile().max());
  return got;
}

}  // namespace

std::vector<StormRow> measure_storm(const Options& options) {
  const auto& names = options.subjects;
  if (std::find(names.begin(), names.end(), "bridge") == names.end()) return {};
  std::vector<StormRow> rows;
  for (const char* from : {"memory", "journal"}) {
    rows.push_back({from, options.storm_clients, options.storm_events, kStayed,
                    options.storm_events_per_s, {}, {}});
  }
  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (StormRow& row : rows) {
      row.rounds.push_back(measure(row.from, options, row.lost));
      const StormRound& got = row.rounds.back();
      std::fprintf(stderr,
                   "storm, round %zu, from %-7s caught up in %.2f s, %.0f deliveries/s, peak %.0f "
                   "MB, p99 %.3f ms, while %.3f ms%s%s\n",
                   round + 1, row.from.c_str(), got.caught_up_s, got.deliveries_per_s,
                   got.resident_bytes_peak / 1e6, got.p99_before_ms, got.p99_while_ms,
                   row.lost.empty() ? "" : "  LOST: ", row.lost.c_str());
    }
  }
  return rows;
}

void print_storm(const std::vector<StormRow>& rows) {
  if (rows.empty()) return;
  const StormRow& first = rows.front();
  std::printf(
      "\n%zu clients come back at once for the last %zu events, beside %zu that stayed, %.0f "
      "events/s\n  %-8s %12s %12s %14s %9s %9s %11s %11s %11s\n",
      first.clients, first.events, first.stayed, first.events_per_s, "from", "first s",
      "caught up s", "deliveries/s", "RSS MB", "peak MB", "p99 ms", "p99 while", "max while");
  for (const StormRow& row : rows) {
    std::printf("  %-8s ", row.from.c_str());
    if (!row.lost.empty()) {
      std::printf("LOST %s\n", row.lost.c_str());
      continue;
    }
    const auto middle = [&row](double StormRound::*figure) {
      return median_of(row.rounds, figure);
    };
    std::printf("%12.3f %12.3f %14.0f %9.1f %9.1f %11.3f %11.3f %11.3f\n",
                middle(&StormRound::first_event_s), middle(&StormRound::caught_up_s),
                middle(&StormRound::deliveries_per_s),
                middle(&StormRound::resident_bytes_before) / 1e6,
                middle(&StormRound::resident_bytes_peak) / 1e6, middle(&StormRound::p99_before_ms),
                middle(&StormRound::p99_while_ms), middle(&StormRound::max_while_ms));
  }
}

void write_storm(Writer& writer, const std::vector<StormRow>& rows) {
  write_objects(writer, rows, [&](const StormRow& row) {
    member(writer, "from", row.from);
    member(writer, "clients", row.clients);
    member(writer, "events", row.events);
    member(writer, "stayed", row.stayed);
    member(writer, "events_per_s", row.events_per_s);
    member(writer, "lost", row.lost);
    writer.Key("rounds");
    write_objects(writer, row.rounds, [&](const StormRound& round) {
      member(writer, "first_event_s", round.first_event_s);
      member(writer, "caught_up_s", round.caught_up_s);
      member(writer, "deliveries_per_s", round.deliveries_per_s);
      member(writer, "resident_bytes_before", round.resident_bytes_before);
      member(writer, "resident_bytes_peak", round.resident_bytes_peak);
      member(writer, "p99_before_ms", round.p99_before_ms);
      member(writer, "p99_while_ms", round.p99_while_ms);
      member(writer, "max_while_ms", round.max_while_ms);
    });
  });
}

}  // namespace bench
