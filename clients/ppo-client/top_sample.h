// The bridge at one moment, as `ppo-client top` shows it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace client {

struct TopSource {
  std::string name, state, activity;
  double events_per_s = 0;
  std::uint64_t events = 0, lost = 0, held = 0;
  double last_event_s = 0;  // since 1970; 0: none yet
  std::optional<double> clock_ahead_ms, clock_error_ms;
};

struct TopClient {
  std::uint64_t connection = 0;
  std::string name, served, remote;
  std::uint64_t lag = 0, events_sent = 0, bytes_sent = 0, gaps = 0;
};

struct TopQueue {
  std::string name;
  double bytes = 0, bytes_max = 0;
  std::uint64_t refused = 0;
};

// How many took at most each bound of TopSample::bounds_ms, and above the one before; at last those above all.
using TopDelays = std::vector<std::uint64_t>;

struct TopSample {
  double at_s = 0;  // of a steady clock
  double now_s = 0;  // since 1970
  std::string version, epoch;
  double uptime_s = 0;
  std::uint64_t seq = 0, events_in = 0, events_out = 0, bytes_in = 0, bytes_out = 0;
  std::uint64_t lost = 0, rejected = 0, clients = 0, alerts_raised = 0, memory_refused = 0;
  double turn_ms = 0, resident_bytes = 0, memory_bytes_max = 0;
  std::optional<double> journal_holds_s, journal_wanted_s;
  std::vector<TopSource> sources;
  std::vector<TopClient> client_list;
  std::vector<TopQueue> queues;
  std::vector<double> bounds_ms;
  std::vector<std::pair<std::string, TopDelays>> delays;  // by hop, in their order, and how clients are served
};

// Reads the answers to get_status, get_sources and get_clients. What is not there stays 0: an older bridge tells less.
TopSample read_top_sample(std::string_view status, std::string_view sources, std::string_view clients);

// Among so many, the bound that a share `q` (0..1) of them does not exceed; infinity where that is above all bounds.
// Nothing where there are none.
std::optional<double> quantile(const std::vector<double>& bounds, const TopDelays& counts, double q);

// What came after `before`. Of two that do not fit together, as after a restart: `now`.
TopDelays difference(const TopDelays& now, const TopDelays& before);

}  // namespace client
