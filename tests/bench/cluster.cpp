#include "cluster.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include "bare_stream.h"
#include "bridges_subject.h"
#include "latency.h"
#include "load.h"
#include "statistics.h"
#include "throughput.h"

namespace bench {
namespace {

using std::chrono::steady_clock;

constexpr const char* kStream = "ppo";  // cluster.name as it is by default
// After the leader's death, for as long at most.
constexpr std::chrono::seconds kStallPatience{30};
constexpr std::chrono::milliseconds kClusterHeadStart{300};

// The longest time between two events.
class Silences : public EventListener {
 public:
  void on_event(std::uint64_t /*number*/, steady_clock::time_point read_at) override {
    if (last_ != steady_clock::time_point{}) longest_ = std::max(longest_.load(), (read_at - last_).count());
    last_ = read_at;
  }
  double longest_s() const { return std::chrono::duration<double>(steady_clock::duration(longest_)).count(); }
  void forget() { longest_ = 0; }  // on any thread

 private:
  steady_clock::time_point last_{};
  std::atomic<steady_clock::rep> longest_{0};
};

class ClusterBench {
 public:
  explicit ClusterBench(const Options& options)
      : options_(options),
        servers_(home_),
        bare_(BareStream::open(servers_.urls(), options)),
        cluster_("n", options, home_, servers_.urls()),
        local_("local", options, home_, {}) {
    options_.latency_clients = 1;
    cluster_.start();
    local_.start();
  }

  ClusterRow measure() {
    for (std::size_t round = 0; round < options_.rounds && row_.lost.empty(); ++round) {
      ClusterRound got;
      got.bare.events_per_s = bare_->events_per_s();
      got.cluster.events_per_s = throughput(cluster_);
      got.local.events_per_s = throughput(local_);
      const auto bare = bare_->latency();
      got.bare.p50_ms = in_ms(bare->percentile(0.5));
      got.bare.p99_ms = in_ms(bare->percentile(0.99));
      latency(cluster_, got.cluster);
      latency(local_, got.local);
      row_.rounds.push_back(got);
      for (const auto& [name, figures] : {std::pair{"bare", got.bare}, {"cluster", got.cluster}, {"local", got.local}}) {
        std::fprintf(stderr, "cluster, round %zu, %-8s %10.0f events/s, p50 %.3f ms, p99 %.3f ms%s%s\n", round + 1, name, figures.events_per_s,
                     figures.p50_ms, figures.p99_ms, row_.lost.empty() ? "" : "  LOST: ", row_.lost.c_str());
      }
    }
    if (row_.lost.empty()) catch_up();
    if (row_.lost.empty()) stall();
    return row_;
  }

 private:
  void lose(const std::string& what) {
    if (row_.lost.empty()) row_.lost = what;
  }

  // Events go in where the stream's leader is, and are read at the next server's bridge: the bare stream has it so, too.
  EventText place(BridgesSubject& subject) {
    const std::string run = "b" + std::to_string(++runs_);
    const std::size_t leader = &subject == &local_ ? 0 : leader_of(servers_.urls(), kStream);
    subject.place(leader, leader + 1, run);
    return EventText(options_.event_bytes, run);
  }

  double throughput(BridgesSubject& subject) {
    const EventText events = place(subject);
    FanReader reader(connect_clients(subject, 1, options_.receive_buffer_bytes), subject.sequence_rule(), nullptr);
    const ThroughputRound round = measure_closed_loop(subject, reader, events, options_.batches.front(), options_.window_events, options_);
    if (!round.lost.empty()) lose(subject.name() + ": " + round.lost);
    return round.deliveries_per_s;
  }

  void latency(BridgesSubject& subject, ClusterFigures& into) {
    const EventText events = place(subject);
    const LatencyRow row = measure_open_loop(subject, events, options_);
    if (!row.lost.empty()) lose(subject.name() + ": " + row.lost);
    into.p50_ms = row.p50_ms;
    into.p99_ms = row.p99_ms;
  }

  // The bridge that nobody here uses is away while all that is published.
  void catch_up() {
    const EventText events = place(cluster_);
    const std::size_t away = leader_of(servers_.urls(), kStream) + 2;
    cluster_.stop_one(away);
    FanReader reader(connect_clients(cluster_, 1, options_.receive_buffer_bytes), cluster_.sequence_rule(), nullptr);
    reader.start();
    ClosedLoopLoad load(cluster_, events, options_.batches.front(), options_.window_events, reader);
    while (!interrupted && !reader.failed() && load.published() < options_.cluster_events) {
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
    }
    load.stop();
    if (!wait_drained(reader, load.published())) return lose("catch-up: not all events came");
    reader.stop();
    row_.missed_events = load.published();
    const auto begin = steady_clock::now();
    cluster_.start_one(away);
    row_.catch_up_s = seconds_since(begin);
    std::fprintf(stderr, "cluster, %zu events missed, had %.3f s after the start\n", row_.missed_events, row_.catch_up_s);
  }

  // Neither the publisher's nor the client's server dies.
  void stall() {
    const std::size_t leader = leader_of(servers_.urls(), kStream);
    const std::string run = "b" + std::to_string(++runs_);
    cluster_.place(leader + 1, leader + 2, run);
    const EventText events(options_.event_bytes, run);
    Silences silences;
    FanReader reader(connect_clients(cluster_, 1, options_.receive_buffer_bytes), cluster_.sequence_rule(), &silences);
    reader.start();
    OpenLoopLoad load(cluster_, events, options_.latency_events_per_s, steady_clock::now() + kClusterHeadStart);
    pass(1.0, reader);
    silences.forget();
    const std::uint64_t before = reader.slowest();
    servers_.kill(leader);
    const testing_support::Deadline deadline(kStallPatience);
    const auto came = [&] { return reader.slowest() >= before + static_cast<std::uint64_t>(options_.latency_events_per_s); };
    while (!interrupted && !reader.failed() && !came() && !deadline.passed()) std::this_thread::sleep_for(std::chrono::milliseconds{5});
    load.stop();
    if (!wait_drained(reader, load.published())) lose("stall: " + (reader.failed() ? "an event is missing" : std::string("not all events came")));
    reader.stop();
    row_.stall_s = silences.longest_s();
    std::fprintf(stderr, "cluster, %.3f s without an event after the leader's kill -9\n", row_.stall_s);
  }

  Options options_;
  const testing_support::ScratchDirectory home_;
  NatsServers servers_;
  const std::unique_ptr<BareStream> bare_;
  BridgesSubject cluster_;
  BridgesSubject local_;
  std::size_t runs_ = 0;
  ClusterRow row_;
};

double median_times(const ClusterRow& row, double ClusterFigures::*figure) {
  std::vector<double> times;
  for (const ClusterRound& round : row.rounds) {
    if (round.bare.*figure > 0) times.push_back(round.cluster.*figure / round.bare.*figure);
  }
  return median(std::move(times));
}

double median_of_side(const ClusterRow& row, ClusterFigures ClusterRound::*side, double ClusterFigures::*figure) {
  std::vector<double> values;
  for (const ClusterRound& round : row.rounds) values.push_back(round.*side.*figure);
  return median(std::move(values));
}

}  // namespace

std::vector<ClusterRow> measure_cluster(const Options& options) { return {ClusterBench(options).measure()}; }

void print_cluster(const std::vector<ClusterRow>& rows, const Options& options) {
  for (const ClusterRow& row : rows) {
    std::printf("\nthree bridges over one log on three servers, all on this machine; one client; delays at %.0f events/s\n"
                "  %-8s %12s %9s %9s %9s %9s\n", options.latency_events_per_s, "subject", "events/s", "p50 ms", "p99 ms", "x bare", "p50 x");
    if (!row.lost.empty()) std::printf("  LOST %s\n", row.lost.c_str());
    const auto line = [&](const char* name, ClusterFigures ClusterRound::*side) {
      const bool beside = side == &ClusterRound::cluster;
      std::printf("  %-8s %12.0f %9.3f %9.3f %9s %9s\n", name, median_of_side(row, side, &ClusterFigures::events_per_s),
                  median_of_side(row, side, &ClusterFigures::p50_ms), median_of_side(row, side, &ClusterFigures::p99_ms),
                  beside ? times(median_times(row, &ClusterFigures::events_per_s)).c_str() : "",
                  beside ? times(median_times(row, &ClusterFigures::p50_ms)).c_str() : "");
    };
    line("bare", &ClusterRound::bare);
    line("cluster", &ClusterRound::cluster);
    line("local", &ClusterRound::local);
    std::printf("  a bridge that missed %zu events has them %.2f s after its start, %.0f events/s\n"
                "  %.2f s without an event after the leader's kill -9\n", row.missed_events, row.catch_up_s,
                row.catch_up_s > 0 ? static_cast<double>(row.missed_events) / row.catch_up_s : 0.0, row.stall_s);
  }
}

void write_cluster(Writer& writer, const std::vector<ClusterRow>& rows) {
  write_objects(writer, rows, [&](const ClusterRow& row) {
    member(writer, "lost", row.lost);
    member(writer, "times", median_times(row, &ClusterFigures::events_per_s));
    member(writer, "p50_times", median_times(row, &ClusterFigures::p50_ms));
    member(writer, "missed_events", row.missed_events);
    member(writer, "catch_up_s", row.catch_up_s);
    member(writer, "stall_s", row.stall_s);
    writer.Key("rounds");
    write_objects(writer, row.rounds, [&](const ClusterRound& round) {
      for (const auto& [name, figures] : {std::pair{"bare", round.bare}, {"cluster", round.cluster}, {"local", round.local}}) {
        writer.Key(name);
        writer.StartObject();
        member(writer, "events_per_s", figures.events_per_s);
        member(writer, "p50_ms", figures.p50_ms);
        member(writer, "p99_ms", figures.p99_ms);
        writer.EndObject();
      }
    });
  });
}

bool check_cluster(const std::vector<ClusterRow>& rows, double times_min, double p50_times_max) {
  bool met = true;
  for (const ClusterRow& row : rows) {
    met &= meets("cluster / bare stream, events/s", median_times(row, &ClusterFigures::events_per_s), times_min, false);
    met &= meets("cluster / bare stream, p50", median_times(row, &ClusterFigures::p50_ms), p50_times_max, true);
  }
  return met;
}

}  // namespace bench
