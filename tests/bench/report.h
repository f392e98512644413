// What the bench found, for eyes and for programs.
#pragma once

#include <string>
#include <vector>

#include "cluster.h"
#include "commands.h"
#include "hop.h"
#include "idle_memory.h"
#include "ingest.h"
#include "journal.h"
#include "latency.h"
#include "options.h"
#include "rows.h"
#include "storm.h"
#include "subscriptions.h"
#include "threads.h"
#include "throughput.h"

namespace bench {

struct Report {
  std::vector<ThroughputRow> throughput;
  std::vector<IdleMemoryRow> idle_memory;
  std::vector<LatencyRow> latency;
  std::vector<HopRow> hop;
  std::vector<CommandsRow> commands;
  std::vector<JournalRow> journal;
  std::vector<ResumeRow> resume;
  std::vector<SubscriptionsRow> subscriptions;
  std::vector<ThreadsRow> threads;
  std::vector<StormRow> storm;
  IngestReport ingest;
  std::vector<ClusterRow> cluster;
  RowsReport rows;
};

// "" or the first thing that a row of any round lost.
std::string lost_of(const ThroughputRow& row);

// The median over the rounds of `row`'s figure divided by that of `other_subject` in the same
// round; 0 where there is no such row or either lost something.
double ratio_to(const std::vector<ThroughputRow>& rows, const ThroughputRow& row,
                const std::string& other_subject, double ThroughputRound::*figure);

// As YEAR-MONTH-DAY, of UTC.
std::string today();

// Tables, on stdout.
void print_tables(const Report& report, const Options& options);

// Everything, every round included, as one JSON object.
std::string to_json(const Report& report, const Options& options);

// Whether anything was lost anywhere but by a peer, which is shown and is no fault of ours.
bool lost_anything(const Report& report);

}  // namespace bench
