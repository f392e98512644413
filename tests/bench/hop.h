// Mode hop: how long a lone event takes, beside the same way with nobody at work on it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "options.h"
#include "report_parts.h"

namespace bench {

// From publish() to the client's read, over one round.
struct HopRound {
  double count = 0.0;
  double p50_us = 0.0;
  double p99_us = 0.0;
  double max_us = 0.0;
  // The percentile divided by the bare hop's in the same round, 0 if there is none.
  double p50_times = 0.0;
  double p99_times = 0.0;
};

struct HopRow {
  std::string cores;  // "one" for all that take part, or "any" as the scheduler has it
  std::string subject;
  std::string lost;  // "" or what was lost, and then the figures mean nothing
  std::vector<HopRound> rounds;
};

// One client and `hop_events_per_s` events, so few that each is alone on its way. The bare hop is a
// ZeroMQ hop and then a TCP hop through a process that does nothing: what is beyond it is the
// subject's own. All subjects are up all the while and get short turns one after the other, so that
// whatever else the machine does falls on all.
//
// The schedule is an open loop. An event counts from the moment of its publish(), or, where the one
// before it kept the publisher past that, from the moment it was due; that the publisher's own timer
// wakes it late is nobody's latency.
//
// Of every subject that takes events, the bare hop first; on one core and on any.
std::vector<HopRow> measure_hop(const Options& options);

void print_hop(const std::vector<HopRow>& rows, const Options& options);
void write_hop(Writer& writer, const std::vector<HopRow>& rows);
// Whether the bridge keeps to both, in each placement; 0 = not asked for.
bool check_hop(const std::vector<HopRow>& rows, double p50_times_max, double p99_times_max);

}  // namespace bench
