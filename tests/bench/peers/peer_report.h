// The bridge beside each peer, as ratios.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "../report.h"

namespace bench {

// How many times as many deliveries/s the bridge made as a peer, the median over rounds.
struct PeerRatio {
  std::size_t clients = 0;
  std::size_t batch = 0;  // the bridge's; a peer takes one event a message
  std::string peer;
  double times = 0.0;  // 0 where one of both lost something
};

// One for each peer, number of clients and batch that the bridge was measured with.
std::vector<PeerRatio> peer_ratios(const std::vector<ThroughputRow>& rows);

// The ratio to the best peer, with the most clients and the bridge's largest batch; 0 if there is
// none, or the bridge lost something.
double times_best_peer(const std::vector<ThroughputRow>& rows);

// The bridge's 99th percentile divided by that of the best peer that lost nothing; 0 if there is
// none.
double p99_of_best_peer(const std::vector<LatencyRow>& rows);

// On stdout; nothing if no peer was measured.
void print_peer_ratios(const Report& report);

}  // namespace bench
