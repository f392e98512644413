// Mode idle-memory: what a client that is connected and registered costs while nothing happens.
#pragma once

#include <string>
#include <vector>

#include "options.h"
#include "subject.h"

namespace bench {

struct IdleMemoryRow {
  std::string subject;
  std::size_t clients = 0;
  double resident_bytes_before = 0.0;
  double resident_bytes_after = 0.0;
  double bytes_per_client = 0.0;
};

// Of one subject, once.
IdleMemoryRow measure_idle_clients(const std::string& name, const Options& options);

// Of every subject but raw, which keeps nothing.
std::vector<IdleMemoryRow> measure_idle_memory(const Options& options);

// Resident memory once it has been the same for half a second, or as it is after ten.
double settled_resident_bytes(const Subject& subject);

}  // namespace bench
