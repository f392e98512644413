#include "latency.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <thread>

#include "fan_reader.h"
#include "histogram.h"
#include "load.h"
#include "statistics.h"
#include "subject.h"

namespace bench {
namespace {

using std::chrono::steady_clock;
using testing_support::milliseconds;

// Time for the publisher to connect before the first event is due.
constexpr milliseconds kHeadStart{300};
// A reload is told in one turn of the loop: what it delays is due by then.
constexpr milliseconds kReloadEffect{100};

class LatencyRecorder : public EventListener {
 public:
  LatencyRecorder(steady_clock::time_point begin, double events_per_s, std::uint64_t first)
      : begin_(begin), events_per_s_(events_per_s), first_(first) {}

  void on_event(std::uint64_t number, steady_clock::time_point read_at) override {
    if (number < first_) return;
    const auto due_at = due(begin_, events_per_s_, number);
    histogram_.add(read_at - due_at);
    const steady_clock::time_point reload{steady_clock::duration(reloaded_at_)};
    steady_clock::duration& most = read_at >= reload && due_at <= reload + kReloadEffect ? reload_max_ : calm_max_;
    most = std::max(most, read_at - due_at);
  }

  // From now on events are about a reload. On the main thread.
  void mark_reload() { reloaded_at_ = steady_clock::now().time_since_epoch().count(); }

  // Look at it when the reader has stopped.
  const Histogram& histogram() const { return histogram_; }
  steady_clock::duration reload_max() const { return reload_max_; }
  steady_clock::duration calm_max() const { return calm_max_; }

 private:
  const steady_clock::time_point begin_;
  const double events_per_s_;
  const std::uint64_t first_;  // those before it are warm-up
  Histogram histogram_;
  std::atomic<steady_clock::rep> reloaded_at_{0};
  steady_clock::duration reload_max_{0};
  steady_clock::duration calm_max_{0};
};

}  // namespace

LatencyRow measure_open_loop(Subject& subject, const EventText& events, const Options& options) {
  LatencyRow row;
  row.subject = subject.name();
  row.clients = options.latency_clients;
  row.events_per_s = options.latency_events_per_s;
  std::vector<Connection> clients =
      connect_clients(subject, options.latency_clients, options.receive_buffer_bytes);
  const auto begin = steady_clock::now() + kHeadStart;
  LatencyRecorder recorder(
      begin, options.latency_events_per_s,
      static_cast<std::uint64_t>(options.warmup_seconds * options.latency_events_per_s) + 1);
  FanReader reader(std::move(clients), subject.sequence_rule(), &recorder);
  reader.start();
  OpenLoopLoad load(subject, events, options.latency_events_per_s, begin);
  const auto end =
      begin + std::chrono::duration_cast<steady_clock::duration>(
                  std::chrono::duration<double>(options.warmup_seconds + options.seconds));
  auto next_reload = begin + std::chrono::duration_cast<steady_clock::duration>(
                                 std::chrono::duration<double>(options.warmup_seconds));
  double cpu = 0.0;
  double switches = 0.0;
  steady_clock::time_point counted_from{};
  while (!interrupted && !reader.failed() && steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds{20});
    if (counted_from == steady_clock::time_point{} && steady_clock::now() >= next_reload) {
      counted_from = steady_clock::now();
      cpu = cpu_seconds_of(subject);
      switches = context_switches_of(subject);
    }
    if (options.reload_every_s == 0.0 || steady_clock::now() < next_reload) continue;
    next_reload += std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(options.reload_every_s));
    recorder.mark_reload();
    if (subject.reload()) ++row.reloads;
  }
  const double counted_s = seconds_since(counted_from);
  row.server_cpu = (cpu_seconds_of(subject) - cpu) / counted_s;
  row.switches_per_event = (context_switches_of(subject) - switches) / counted_s / row.events_per_s;
  load.stop();
  const bool drained = load.failure().empty() && wait_drained(reader, load.published());
  reader.stop();
  if (interrupted) throw std::runtime_error("interrupted");
  if (reader.failed()) {
    row.lost = reader.failure();
  } else if (!drained) {
    row.lost = load.failure().empty() ? "not all events came" : load.failure();
  } else if (recorder.histogram().count() == 0) {
    row.lost = "no event came";
  }
  row.p50_ms = in_ms(recorder.histogram().percentile(0.5));
  row.p90_ms = in_ms(recorder.histogram().percentile(0.9));
  row.p99_ms = in_ms(recorder.histogram().percentile(0.99));
  row.max_ms = in_ms(recorder.histogram().max());
  row.reload_max_ms = in_ms(recorder.reload_max());
  row.calm_max_ms = in_ms(recorder.calm_max());
  return row;
}

namespace {

LatencyRow median_row(const std::vector<LatencyRow>& rounds) {
  LatencyRow row = rounds.front();
  row.reloads = 0;
  for (const LatencyRow& round : rounds) {
    if (!round.lost.empty()) row.lost = round.lost;
    row.max_ms = std::max(row.max_ms, round.max_ms);
    row.reload_max_ms = std::max(row.reload_max_ms, round.reload_max_ms);
    row.calm_max_ms = std::max(row.calm_max_ms, round.calm_max_ms);
    row.reloads += round.reloads;
  }
  row.p50_ms = median_of(rounds, &LatencyRow::p50_ms);
  row.p90_ms = median_of(rounds, &LatencyRow::p90_ms);
  row.p99_ms = median_of(rounds, &LatencyRow::p99_ms);
  row.server_cpu = median_of(rounds, &LatencyRow::server_cpu);
  row.switches_per_event = median_of(rounds, &LatencyRow::switches_per_event);
  return row;
}

}  // namespace

std::vector<LatencyRow> measure_latency(const Options& options) {
  std::vector<std::string> names;
  for (const std::string& name : options.subjects) {
    if (name != "raw") names.push_back(name);
  }
  std::vector<std::vector<LatencyRow>> rounds(names.size());
  for (std::size_t round = 0; round < options.rounds; ++round) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      const std::unique_ptr<Subject> subject = make_subject(names[i], options);
      subject->start();
      rounds[i].push_back(measure_open_loop(*subject, EventText(options.event_bytes), options));
      subject->stop();
      const LatencyRow& got = rounds[i].back();
      std::fprintf(stderr, "latency, round %zu, %-8s p50 %.3f ms, p99 %.3f ms%s%s\n", round + 1,
                   names[i].c_str(), got.p50_ms, got.p99_ms,
                   got.lost.empty() ? "" : "  LOST: ", got.lost.c_str());
    }
  }
  std::vector<LatencyRow> rows;
  for (const auto& of_subject : rounds) {
    if (!of_subject.empty()) rows.push_back(median_row(of_subject));
  }
  return rows;
}

}  // namespace bench
