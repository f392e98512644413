// Mode throughput: how many deliveries a second each subject makes with nothing lost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "event_text.h"
#include "fan_reader.h"
#include "options.h"
#include "subject.h"

namespace bench {

// One subject, measured once.
struct ThroughputRound {
  std::string lost;  // "" or what was lost, and then the figures mean nothing
  double deliveries_per_s = 0.0;
  double bytes_per_s = 0.0;
  double bytes_per_delivery = 0.0;  // frame header included
  double cpu_us_per_delivery = 0.0;
  double resident_bytes = 0.0;
  double server_cpu = 0.0;  // cores
  double reader_cpu = 0.0;  // cores; near 1, the reader was the bottleneck
};

struct ThroughputRow {
  std::size_t clients = 0;
  std::size_t batch = 0;
  std::string subject;
  std::vector<ThroughputRound> rounds;
};

// Starts the reader, publishes as fast as it reads, stops it, and tells what happened between the
// warm-up and the end. Throws std::runtime_error on an interrupt.
ThroughputRound measure_closed_loop(const Subject& subject, FanReader& reader,
                                    const EventText& events, std::size_t batch,
                                    std::uint64_t window_events, const Options& options);

// The same of a subject that runs, to `clients` that get every event, within the window that suits it.
ThroughputRound measure_clients(Subject& subject, const Options& options, std::size_t clients, std::size_t batch);

// Rows in the order clients, batch, subject; each row's round n was measured right next to the
// others'. Prints a line a measurement to stderr.
std::vector<ThroughputRow> measure_throughput(const Options& options);

}  // namespace bench
