// How a cluster is, as one of its bridges sees it: `cluster` of get_status (PROTOCOL section 12), and /metrics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "commands/remote_desk.h"
#include "event/json_writer.h"
#include "sources/peers.h"

namespace bridge {

struct ClusterNodeReport {
  std::string node;
  bool here = false;
  SourceState state = SourceState::live;
  std::int64_t heard_us = 0;  // ago
  std::uint64_t stream_seq = 0;
  std::uint64_t seq = 0;
  std::uint64_t lag = 0;  // events
  std::optional<bool> agrees;
  std::int64_t clock_ahead_us = 0;
  std::size_t sources = 0;
};

struct ClusterReport {
  std::string name;
  std::string node;
  std::string problem;  // "": none
  std::string leader;   // "": not known
  std::uint64_t stream_seq = 0;
  std::uint64_t seq = 0;
  std::uint64_t behind = 0;  // messages
  std::uint64_t checkpoint = 0;  // the message up to which the newest goes; 0: none is known
  std::size_t proposed_bytes = 0;
  std::uint64_t stalls = 0;
  std::int64_t stall_longest_us = 0;
  std::int64_t stalled_us = 0;  // 0: it goes on
  std::uint64_t heartbeats_sent = 0;
  PeersCounts heartbeats;
  RemoteCounts commands;
  std::size_t commands_waiting = 0;
  std::vector<std::string> warnings;
  std::vector<std::string> pages;  // of all bridges, as this one is configured
  std::vector<ClusterNodeReport> nodes;  // by name
};

void put_cluster(JsonWriter& json, const ClusterReport& report);

}  // namespace bridge
