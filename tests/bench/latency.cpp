#include "latency.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

#include "fan_reader.h"
#include "histogram.h"
#include "load.h"
#include "statistics.h"
#include "subject.h"
#include "training_loop.h"

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

  void on_event(std::uint64_t number, steady_clock::time_point read_at) override { of_thread(0).on_event(number, read_at); }
  EventListener& of_thread(std::size_t thread) override {
    while (parts_.size() <= thread) parts_.emplace_back(*this);
    return parts_[thread];
  }

  // From now on events are about a reload. On the main thread.
  void mark_reload() { reloaded_at_ = steady_clock::now().time_since_epoch().count(); }

  // Look at them when the reader has stopped.
  Histogram histogram() const {
    Histogram all;
    for (const Part& part : parts_) all.add(part.histogram);
    return all;
  }
  steady_clock::duration reload_max() const { return largest(&Part::reload_max); }
  steady_clock::duration calm_max() const { return largest(&Part::calm_max); }

 private:
  struct Part : EventListener {
    explicit Part(const LatencyRecorder& whole) : of(whole) {}
    void on_event(std::uint64_t number, steady_clock::time_point read_at) override {
      if (number < of.first_) return;
      const auto due_at = due(of.begin_, of.events_per_s_, number);
      histogram.add(read_at - due_at);
      const steady_clock::time_point reload{steady_clock::duration(of.reloaded_at_)};
      steady_clock::duration& most = read_at >= reload && due_at <= reload + kReloadEffect ? reload_max : calm_max;
      most = std::max(most, read_at - due_at);
    }
    const LatencyRecorder& of;
    Histogram histogram;
    steady_clock::duration reload_max{0};
    steady_clock::duration calm_max{0};
  };

  steady_clock::duration largest(steady_clock::duration Part::*most) const {
    steady_clock::duration largest{0};
    for (const Part& part : parts_) largest = std::max(largest, part.*most);
    return largest;
  }

  const steady_clock::time_point begin_;
  const double events_per_s_;
  const std::uint64_t first_;  // those before it are warm-up
  std::atomic<steady_clock::rep> reloaded_at_{0};
  std::deque<Part> parts_;  // a thread each
};

}  // namespace

LatencyRow measure_open_loop(Subject& subject, const EventText& events, const Options& options) {
  LatencyRow row;
  row.subject = subject.name();
  row.clients = options.latency_clients;
  row.events_per_s = options.latency_events_per_s;
  std::optional<TrainingLoop> training;
  double alone = 0.0;
  if (options.beside_training) {
    training.emplace();
    (void)training->rate(options.warmup_seconds);
    alone = training->rate(options.seconds);
  }
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
  Switches switches;
  std::uint64_t deliveries = 0;
  std::uint64_t steps = 0;
  steady_clock::time_point counted_from{};
  while (!interrupted && !reader.failed() && steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds{20});
    if (counted_from == steady_clock::time_point{} && steady_clock::now() >= next_reload) {
      counted_from = steady_clock::now();
      cpu = cpu_seconds_of(subject);
      switches = switches_of(subject);
      deliveries = reader.deliveries();
      if (training) steps = training->steps();
    }
    if (options.reload_every_s == 0.0 || steady_clock::now() < next_reload) continue;
    next_reload += std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(options.reload_every_s));
    recorder.mark_reload();
    if (subject.reload()) ++row.reloads;
  }
  row.server_cpu = (cpu_seconds_of(subject) - cpu) / seconds_since(counted_from);
  if (training) row.training_kept = static_cast<double>(training->steps() - steps) / seconds_since(counted_from) / alone;
  // By what came, as one that falls behind does less than was asked of it.
  const auto delivered = static_cast<double>(std::max<std::uint64_t>(reader.deliveries() - deliveries, 1));
  const double events_each = delivered / static_cast<double>(row.clients);
  const Switches counted = switches_of(subject);
  row.cpu_us_per_delivery = (cpu_seconds_of(subject) - cpu) * 1e6 / delivered;
  row.switches_per_event = (counted.sleeps - switches.sleeps) / events_each;
  row.preemptions_per_event = (counted.preemptions - switches.preemptions) / events_each;
  load.stop();
  const bool drained = load.failure().empty() && wait_drained(reader, load.published());
  reader.stop();
  if (interrupted) throw std::runtime_error("interrupted");
  const Histogram histogram = recorder.histogram();
  if (reader.failed()) {
    row.lost = reader.failure();
  } else if (!drained) {
    row.lost = load.failure().empty() ? "not all events came" : load.failure();
  } else if (histogram.count() == 0) {
    row.lost = "no event came";
  }
  row.p50_ms = in_ms(histogram.percentile(0.5));
  row.p90_ms = in_ms(histogram.percentile(0.9));
  row.p99_ms = in_ms(histogram.percentile(0.99));
  row.max_ms = in_ms(histogram.max());
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
  row.cpu_us_per_delivery = median_of(rounds, &LatencyRow::cpu_us_per_delivery);
  row.switches_per_event = median_of(rounds, &LatencyRow::switches_per_event);
  row.preemptions_per_event = median_of(rounds, &LatencyRow::preemptions_per_event);
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
