// Where the log begins: with a cluster's, the journal's, or anew.
#pragma once

#include <functional>

#include <asio/io_context.hpp>

#include "app/cluster_part.h"
#include "app/config.h"
#include "base/result.h"
#include "commands/command_dispatcher.h"
#include "log/event_log.h"
#include "sources/source_tracker.h"
#include "store/journal.h"

namespace bridge {

// Opens what there is of both (null: it is off) and says how the log begins. Throws std::runtime_error where it cannot.
LogStart begin_log(const Config& config, ClusterPart* cluster, Journal* journal);

// From now on the journal writes what the log has; `on_journal` is called when more is on disk, or its state has changed.
Result<bool> begin_journal(const Config& config, Journal& journal, EventLog& log, std::function<void()> on_journal);
// Switches outlive the bridge in it, and those that it has are armed.
void keep_switches(Journal& journal, CommandDispatcher& dispatcher);

// Returns once the log is where the others' is. Nobody is served and nothing taken in meanwhile.
Result<bool> join_cluster(ClusterPart& cluster, Journal& journal, EventLog& log, SourceTracker& tracker, asio::io_context& io);

}  // namespace bridge
