// Mode latency: from the moment an event is due to be published to the clients' reading it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "options.h"
#include "subject.h"

namespace bench {

struct LatencyRow {
  std::string subject;
  std::size_t clients = 0;
  double events_per_s = 0.0;
  std::string lost;  // "" or what was lost, and then the figures mean nothing
  double p50_ms = 0.0;
  double p90_ms = 0.0;
  double p99_ms = 0.0;
  double max_ms = 0.0;
  double server_cpu = 0.0;          // cores
  double cpu_us_per_delivery = 0.0;
  double switches_per_event = 0.0;     // of its threads, to sleep
  double preemptions_per_event = 0.0;  // of those that had more to do
  double training_kept = 0.0;  // options.beside_training: steps a second, as a share of those before anybody was connected
  std::uint64_t reloads = 0;   // options.reload_every_s
  double reload_max_ms = 0.0;  // of events that were under way at one, or came within 100 ms after it
  double calm_max_ms = 0.0;    // of the others
};

// Of every subject that takes events. The schedule is an open loop and each event counts from the
// moment it was due, so that a subject that stalls pays for all the events it kept waiting
// (coordinated omission is corrected for). Rounds are interleaved; a row is the median of its
// rounds, its `max_ms` the largest.
std::vector<LatencyRow> measure_latency(const Options& options);

// The same of one that runs, once, with these events.
LatencyRow measure_open_loop(Subject& subject, const EventText& events, const Options& options);

}  // namespace bench
