// Mode commands: what a command through the bridge costs, beside a bare ZeroMQ request.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "options.h"

namespace bench {

// Round trips of one kind, one at a time, over one round.
struct RoundTrips {
  double count = 0.0;
  double p50_us = 0.0;
  double p99_us = 0.0;
  double max_us = 0.0;
};

struct CommandsRound {
  RoundTrips bare;
  RoundTrips bridge;
  // The bridge's percentile divided by the bare one's, 0 if there is none.
  double p50_times = 0.0;
  double p99_times = 0.0;
};

struct CommandsRow {
  std::string cores;  // "one" for all that take part, or "any" as the scheduler has it
  double events_per_s = 0.0;  // that flowed through the bridge all the while
  // Bodies as the trainer reads and writes them, and the bare pair as well.
  std::size_t request_bytes = 0;
  std::size_t reply_bytes = 0;
  std::string lost;  // "" or what was lost, and then the figures mean nothing
  std::vector<CommandsRound> rounds;
};

// WebSocket client to bridge to trainer and back, against a REQ and a REP of two contexts over TCP:
// the same thread asks both, in short turns one after the other, so that whatever else the machine
// does falls on both. The row of one core is the one to hold it to: on any, each side's median
// moves by a factor of four with where the scheduler happens to put its threads. What feeds and
// reads the events is never held. No rows if the bridge is not among the subjects.
std::vector<CommandsRow> measure_commands(const Options& options);

}  // namespace bench
