// Mode cluster: three bridges over one log on three NATS servers, beside a bridge alone and beside the log alone.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "options.h"
#include "report_parts.h"

namespace bench {

// Of one subject in one round: events a second with one client, and how late events are at latency_events_per_s.
struct ClusterFigures {
  double events_per_s = 0.0;
  double p50_ms = 0.0;
  double p99_ms = 0.0;
};

struct ClusterRound {
  ClusterFigures bare;     // blocks published to a stream by libnats and read at another server
  ClusterFigures cluster;  // published to the bridge at the stream's leader, read by a client of another bridge
  ClusterFigures local;    // one bridge with engine.kind "local", and a journal as the others have
};

struct ClusterRow {
  std::string lost;  // "" or what was lost, and then the figures mean nothing
  std::vector<ClusterRound> rounds;
  std::size_t missed_events = 0;  // by a bridge that was away
  double catch_up_s = 0.0;        // from its start until it is ready
  double stall_s = 0.0;           // for which nothing came after the leader's kill -9
};

// All servers and bridges are up all the while and take turns, so that whatever else the machine does falls on all.
std::vector<ClusterRow> measure_cluster(const Options& options);

void print_cluster(const std::vector<ClusterRow>& rows, const Options& options);
void write_cluster(Writer& writer, const std::vector<ClusterRow>& rows);
// Whether the bridges keep to both beside the bare stream; 0 = not asked for.
bool check_cluster(const std::vector<ClusterRow>& rows, double times_min, double p50_times_max);

}  // namespace bench
