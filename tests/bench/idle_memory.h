// Mode idle-memory: what a client that is connected and registered costs while nothing happens.
#pragma once

#include <string>
#include <vector>

#include "options.h"

namespace bench {

struct IdleMemoryRow {
  std::string subject;
  std::size_t clients = 0;
  double resident_bytes_before = 0.0;
  double resident_bytes_after = 0.0;
  double bytes_per_client = 0.0;
};

// Of every subject but raw, which keeps nothing.
std::vector<IdleMemoryRow> measure_idle_memory(const Options& options);

}  // namespace bench
