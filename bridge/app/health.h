// How the bridge is, for those who ask: /readyz, the service manager; and a word to all where somebody set the clock.
#pragma once

#include <cstdint>
#include <string>

#include "app/cluster_part.h"
#include "app/drain.h"
#include "app/kept_journal.h"
#include "app/reload.h"
#include "app/stopping.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "base/wall_watch.h"
#include "log/event_log.h"
#include "log/own_events.h"
#include "net/client_servers.h"
#include "net/tls_context.h"
#include "store/journal.h"

namespace bridge {

// What it asks. All of it outlives the Health.
struct HealthParts {
  const Clock& clock;
  const EventLog& log;
  OwnEvents& own_events;
  const ClientServers& clients;
  const Reloader& reloader;
  const Audit& audit;
  const Drain& drain;
  const Stopping& stopping;
  const TlsContext* tls = nullptr;          // null: plain
  const ClusterPart* cluster = nullptr;     // null where the log is this bridge's own
  const Journal* journal = nullptr;         // null where it is off, as the next
  const KeptJournal* kept_journal = nullptr;
};

// One thread: the log's.
class Health {
 public:
  explicit Health(const HealthParts& parts) : parts_(parts) {}

  // Why the bridge is not ready; "" where it is.
  std::string trouble() const;
  // What else /readyz tells, in lines.
  std::string notice() const;
  // For people who ask the service manager.
  std::string status_line() const;

  // Tells all where the wall clock was set. Call every few milliseconds.
  void watch_clock();

 private:
  const HealthParts parts_;
  WallWatch wall_watch_;
  std::string clock_step_;  // the last one
  std::int64_t clock_step_at_us_ = 0;
};

}  // namespace bridge
