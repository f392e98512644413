// The ledger's view of the queues that have a bound of their own: how many bytes each holds at the moment.
#pragma once

#include "alerts/alerts.h"
#include "base/memory_ledger.h"
#include "commands/command_dispatcher.h"
#include "log/event_log.h"
#include "log/past_cache.h"
#include "net/client_servers.h"
#include "runs/runs_thread.h"
#include "sources/source_table.h"
#include "sources/source_tracker.h"
#include "store/journal.h"
#include "stream/snapshot.h"

namespace bridge {

// Those who hold them. They outlive it.
struct Queues {
  const EventLog& log;
  const SourceTracker& tracker;
  const Journal* journal;  // null where it is off
  const RunsThread& runs;
  const Alerts& alerts;
  const PastCache& past;
  const SourceTable& sources;
  const CommandRouter& router;
  const ClientServers& clients;
  const Snapshot* snapshot;  // null where it has no share
};

// One thread: the log's.
class QueueSizes {
 public:
  QueueSizes(MemoryLedger& memory, const Queues& queues);
  void count();

 private:
  const Queues queues_;
  MemoryHold history_, held_, journal_, runs_, alerts_, past_, sources_, commands_, backlog_, snapshot_;
};

}  // namespace bridge
