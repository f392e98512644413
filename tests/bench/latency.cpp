#include "latency.h"

#include <algorithm>
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

class LatencyRecorder : public EventListener {
 public:
  LatencyRecorder(steady_clock::time_point begin, double events_per_s, std::uint64_t first)
      : begin_(begin), events_per_s_(events_per_s), first_(first) {}

  void on_event(std::uint64_t number, steady_clock::time_point read_at) override {
    if (number >= first_) histogram_.add(read_at - due(begin_, events_per_s_, number));
  }

  // Look at it when the reader has stopped.
  const Histogram& histogram() const { return histogram_; }

 private:
  const steady_clock::time_point begin_;
  const double events_per_s_;
  const std::uint64_t first_;  // those before it are warm-up
  Histogram histogram_;
};

LatencyRow measure_latency(Subject& subject, const Options& options) {
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
  const EventText events(options.event_bytes);
  OpenLoopLoad load(subject, events, options.latency_events_per_s, begin);
  const auto end =
      begin + std::chrono::duration_cast<steady_clock::duration>(
                  std::chrono::duration<double>(options.warmup_seconds + options.seconds));
  while (!interrupted && !reader.failed() && steady_clock::now() < end) {
    std::this_thread::sleep_for(milliseconds{20});
  }
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
  return row;
}

LatencyRow median_row(const std::vector<LatencyRow>& rounds) {
  LatencyRow row = rounds.front();
  for (const LatencyRow& round : rounds) {
    if (!round.lost.empty()) row.lost = round.lost;
    row.max_ms = std::max(row.max_ms, round.max_ms);
  }
  row.p50_ms = median_of(rounds, &LatencyRow::p50_ms);
  row.p90_ms = median_of(rounds, &LatencyRow::p90_ms);
  row.p99_ms = median_of(rounds, &LatencyRow::p99_ms);
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
      rounds[i].push_back(measure_latency(*subject, options));
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
