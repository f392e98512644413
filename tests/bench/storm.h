// Mode storm: a crowd that was cut off comes back at once.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "options.h"
#include "report_parts.h"

namespace bench {

struct StormRound {
  double first_event_s = 0.0;  // until the last one had its first event
  double caught_up_s = 0.0;  // until the last one had what was published, live events included
  double deliveries_per_s = 0.0;  // to those who came back, meanwhile
  double resident_bytes_before = 0.0;
  double resident_bytes_peak = 0.0;
  // Of the clients that stayed.
  double p99_before_ms = 0.0;
  double p99_while_ms = 0.0;
  double max_while_ms = 0.0;
};

struct StormRow {
  std::string from;  // where the bridge has the past: "memory" or "journal"
  std::size_t clients = 0;
  std::size_t events = 0;  // that each has missed
  std::size_t stayed = 0;
  double events_per_s = 0.0;  // live
  std::string lost;  // "" or what was lost, and then the figures mean nothing
  std::vector<StormRound> rounds;
};

// `storm_clients` connect in one go, without waiting for each other's handshakes, and want the last
// `storm_events` and what comes, while live events flow and a few clients have stayed. Every event
// of every client is checked. A storm that is not over after 45 s is given up as lost. No rows if the
// bridge is not among the subjects.
std::vector<StormRow> measure_storm(const Options& options);

void print_storm(const std::vector<StormRow>& rows);
void write_storm(Writer& writer, const std::vector<StormRow>& rows);

}  // namespace bench
