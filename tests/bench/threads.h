// Mode threads: what a delivery costs where several threads serve the clients (websocket.threads).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "options.h"
#include "report_parts.h"

namespace bench {

struct ThreadsRound {
  std::string lost;  // "" = nothing
  double deliveries_per_s = 0;
  double cpu_us_per_delivery = 0;
  double switches_per_1000 = 0;  // context switches of all of the bridge's threads, per 1,000 deliveries
};

struct ThreadsRow {
  std::size_t clients = 0;
  std::size_t threads = 0;
  std::vector<ThreadsRound> rounds;
  double instructions_per_delivery = 0;  // in user mode, as callgrind counts; 0: not asked for
};

// The bridge alone, in turns with each number of threads. Where there are no cores to show more threads
// by time, instructions and context switches tell what they cost. No rows if the bridge is not among the
// subjects. Throws std::runtime_error where instructions are asked for and valgrind is missing.
std::vector<ThreadsRow> measure_threads(const Options& options);

void print_threads(const std::vector<ThreadsRow>& rows);
void write_threads(Writer& writer, const std::vector<ThreadsRow>& rows);
std::string lost_of(const ThreadsRow& row);

}  // namespace bench
