#include "throughput.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <thread>

#include "event_text.h"
#include "fan_reader.h"
#include "load.h"
#include "peers/peers.h"
#include "statistics.h"
#include "subject.h"

namespace bench {
namespace {

using std::chrono::steady_clock;
using testing_support::milliseconds;

// Every client must have read its first event by then.
constexpr std::chrono::seconds kFirstEventTimeout{30};

struct Sample {
  steady_clock::time_point at = steady_clock::now();
  double deliveries;
  double bytes;
  double server_cpu;
  double reader_cpu;

  Sample(const Subject& subject, FanReader& reader)
      : deliveries(static_cast<double>(reader.deliveries())),
        bytes(static_cast<double>(reader.bytes())),
        server_cpu(cpu_seconds_of(subject)),
        reader_cpu(reader.cpu_seconds()) {}
};

}  // namespace

ThroughputRound measure_clients(Subject& subject, const Options& options, std::size_t clients, std::size_t batch) {
  FanReader reader(connect_clients(subject, clients, options.receive_buffer_bytes),
                   subject.sequence_rule(), nullptr);
  const EventText events(options.event_bytes);
  return measure_closed_loop(
      subject, reader, events, batch,
      std::min(options.window_events, subject.window_events_max(clients)), options);
}

ThroughputRound measure_closed_loop(const Subject& subject, FanReader& reader,
                                    const EventText& events, std::size_t batch,
                                    std::uint64_t window_events, const Options& options) {
  ThroughputRound round;
  reader.start();
  ClosedLoopLoad load(subject, events, batch, window_events, reader);
  const auto begin = steady_clock::now();
  while (reader.slowest() == 0 && !interrupted && !reader.failed() &&
         steady_clock::now() - begin < kFirstEventTimeout) {
    std::this_thread::sleep_for(milliseconds{5});
  }
  pass(options.warmup_seconds, reader);

  const Sample first(subject, reader);
  pass(options.seconds, reader);
  const Sample last(subject, reader);
  round.resident_bytes = static_cast<double>(resident_bytes_of(subject));

  load.stop();
  const bool drained = load.failure().empty() && wait_drained(reader, load.published());
  const std::uint64_t slowest = reader.slowest();
  reader.stop();
  if (interrupted) throw std::runtime_error("interrupted");
  if (reader.failed()) {
    round.lost = reader.failure();
  } else if (!load.failure().empty()) {
    round.lost = load.failure();
  } else if (!drained) {
    round.lost = "the slowest client has only " + std::to_string(slowest) + " of " +
                 std::to_string(load.published()) + " events";
  } else if (slowest == 0) {
    round.lost = "a client got nothing";
  }

  const double seconds = std::chrono::duration<double>(last.at - first.at).count();
  const double deliveries = last.deliveries - first.deliveries;
  round.deliveries_per_s = deliveries / seconds;
  round.bytes_per_s = (last.bytes - first.bytes) / seconds;
  round.server_cpu = (last.server_cpu - first.server_cpu) / seconds;
  round.reader_cpu = (last.reader_cpu - first.reader_cpu) / seconds;
  if (deliveries > 0) {
    round.bytes_per_delivery = (last.bytes - first.bytes) / deliveries;
    round.cpu_us_per_delivery = (last.server_cpu - first.server_cpu) * 1e6 / deliveries;
  }
  return round;
}

namespace {

// Peers have rows of one event a message only, whatever batches are asked for.
std::vector<ThroughputRow> rows_of(std::size_t clients, const Options& options) {
  std::vector<ThroughputRow> rows;
  std::vector<std::size_t> batches = options.batches;
  const bool peers = std::any_of(options.subjects.begin(), options.subjects.end(), is_peer);
  if (peers && std::find(batches.begin(), batches.end(), 1u) == batches.end()) batches.push_back(1);
  for (const std::size_t batch : batches) {
    const bool asked_for =
        std::find(options.batches.begin(), options.batches.end(), batch) != options.batches.end();
    for (const std::string& name : options.subjects) {
      if (is_peer(name) ? batch == 1 : asked_for) rows.push_back({clients, batch, name, {}});
    }
  }
  return rows;
}

}  // namespace

std::vector<ThroughputRow> measure_throughput(const Options& options) {
  std::vector<ThroughputRow> all;
  for (const std::size_t clients : options.clients) {
    std::vector<ThroughputRow> rows = rows_of(clients, options);
    for (std::size_t round = 0; round < options.rounds; ++round) {
      for (ThroughputRow& row : rows) {
        const std::unique_ptr<Subject> subject = make_subject(row.subject, options);
        subject->start();
        row.rounds.push_back(measure_clients(*subject, options, clients, row.batch));
        subject->stop();
        const ThroughputRound& got = row.rounds.back();
        std::fprintf(stderr, "%5zu clients, batch %4zu, round %zu, %-9s %12.0f deliveries/s%s%s\n",
                     clients, row.batch, round + 1, row.subject.c_str(), got.deliveries_per_s,
                     got.lost.empty() ? "" : "  LOST: ", got.lost.c_str());
      }
    }
    std::move(rows.begin(), rows.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace bench
