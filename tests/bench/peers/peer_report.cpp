#include "peer_report.h"

#include <algorithm>
#include <cstdio>

#include "../statistics.h"
#include "peers.h"

namespace bench {
namespace {

double ratio_of(const ThroughputRow& bridge, const ThroughputRow& peer) {
  if (!lost_of(bridge).empty() || !lost_of(peer).empty()) return 0.0;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(bridge.rounds.size(), peer.rounds.size()); ++i) {
    const double other = peer.rounds[i].deliveries_per_s;
    if (other > 0) ratios.push_back(bridge.rounds[i].deliveries_per_s / other);
  }
  return median(std::move(ratios));
}

const LatencyRow* bridge_of(const std::vector<LatencyRow>& rows) {
  for (const LatencyRow& row : rows) {
    if (row.subject == "bridge" && row.lost.empty()) return &row;
  }
  return nullptr;
}

void print_throughput_ratios(const std::vector<ThroughputRow>& rows) {
  const std::vector<PeerRatio> ratios = peer_ratios(rows);
  if (ratios.empty()) return;
  std::printf(
      "\nbridge / peer, deliveries/s; the bridge takes ZeroMQ messages of so many events, a peer "
      "one event a message\n  %7s %6s  %-9s %9s\n",
      "clients", "events", "peer", "times");
  for (const PeerRatio& ratio : ratios) {
    std::printf("  %7zu %6zu  %-9s ", ratio.clients, ratio.batch, ratio.peer.c_str());
    ratio.times > 0 ? std::printf("%9.2f\n", ratio.times) : std::printf("%9s\n", "-");
  }
}

// A line a peer: its figure divided by the bridge's.
template <typename Row>
void print_times(const char* what, const std::vector<Row>& rows, const Row* bridge,
                 double Row::*figure) {
  bool begun = false;
  for (const Row& row : rows) {
    if (bridge == nullptr || !is_peer(row.subject) || bridge->*figure <= 0) continue;
    if (!begun) std::printf("\n%s\n", what);
    begun = true;
    std::printf("  %-9s %9.2f\n", row.subject.c_str(), row.*figure / (bridge->*figure));
  }
}

}  // namespace

std::vector<PeerRatio> peer_ratios(const std::vector<ThroughputRow>& rows) {
  std::vector<PeerRatio> ratios;
  for (const ThroughputRow& bridge : rows) {
    if (bridge.subject != "bridge") continue;
    for (const ThroughputRow& peer : rows) {
      if (!is_peer(peer.subject) || peer.clients != bridge.clients) continue;
      ratios.push_back({bridge.clients, bridge.batch, peer.subject, ratio_of(bridge, peer)});
    }
  }
  return ratios;
}

double times_best_peer(const std::vector<ThroughputRow>& rows) {
  const PeerRatio* best = nullptr;
  const std::vector<PeerRatio> ratios = peer_ratios(rows);
  for (const PeerRatio& ratio : ratios) {
    if (ratio.times == 0.0) continue;
    const bool further = best == nullptr || ratio.clients > best->clients ||
                         (ratio.clients == best->clients && ratio.batch > best->batch);
    const bool as_far = !further && ratio.clients == best->clients && ratio.batch == best->batch;
    if (further || (as_far && ratio.times < best->times)) best = &ratio;
  }
  return best == nullptr ? 0.0 : best->times;
}

double p99_of_best_peer(const std::vector<LatencyRow>& rows) {
  double best = 0.0;
  for (const LatencyRow& row : rows) {
    if (!is_peer(row.subject) || !row.lost.empty()) continue;
    if (best == 0.0 || row.p99_ms < best) best = row.p99_ms;
  }
  const LatencyRow* bridge = bridge_of(rows);
  return bridge == nullptr || best == 0.0 ? 0.0 : bridge->p99_ms / best;
}

void print_peer_ratios(const Report& report) {
  print_throughput_ratios(report.throughput);
  const IdleMemoryRow* idle = nullptr;
  for (const IdleMemoryRow& row : report.idle_memory) {
    if (row.subject == "bridge") idle = &row;
  }
  print_times("peer / bridge, bytes an idle client", report.idle_memory, idle,
              &IdleMemoryRow::bytes_per_client);
  print_times("peer / bridge, p99 latency", report.latency, bridge_of(report.latency),
              &LatencyRow::p99_ms);
}

}  // namespace bench
