// Mode subscriptions: what a delivery costs where clients want different things.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "options.h"
#include "report_parts.h"
#include "throughput.h"

namespace bench {

struct SubscriptionsRow {
  std::size_t clients = 0;
  std::size_t subscriptions = 0;  // different ones, shared evenly
  std::vector<ThroughputRound> rounds;
};

// The bridge as in mode throughput, but each subscription filters half of the items, a different half
// for each, so that a delivery is as large and as frequent for all. Each client's events are checked
// one by one against its filter. Rows of one number of clients differ in how many of them share a
// subscription. No rows if the bridge is not among the subjects.
std::vector<SubscriptionsRow> measure_subscriptions(const Options& options);

// One row's clients, once.
ThroughputRound measure_filtered(const SubscriptionsRow& row, const Options& options);

struct FilterMemory {
  std::string lost;  // "" or what was lost, and then the figure means nothing
  double bytes_per_client = 0.0;
};

// What a client with a filter of its own costs once it has been sent events for a while and none come any more.
FilterMemory measure_filter_memory(std::size_t clients, const Options& options);

// CPU time of a delivery as a multiple of what it costs where the same clients share one
// subscription: the median over the rounds; 0 where there is no such row or either lost something.
double times_one_subscription(const std::vector<SubscriptionsRow>& rows,
                              const SubscriptionsRow& row);

void print_subscriptions(const std::vector<SubscriptionsRow>& rows);
void write_subscriptions(Writer& writer, const std::vector<SubscriptionsRow>& rows);
std::string lost_of(const SubscriptionsRow& row);
// Holds the row of the most subscriptions and clients to `times_max`; 0 = not asked for.
bool check_subscriptions(const std::vector<SubscriptionsRow>& rows, double times_max);

}  // namespace bench
