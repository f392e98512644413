// The commands that the bridge answers itself (PROTOCOL section 5).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rapidjson/document.h>

#include "alerts/alerts_asker.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/memory_ledger.h"
#include "base/result.h"
#include "base/slow_turns.h"
#include "base/work_queue.h"
#include "event/deflate.h"
#include "event/json_writer.h"
#include "event/messages.h"
#include "event/schemas.h"
#include "commands/cluster_report.h"
#include "commands/config_status.h"
#include "commands/growing_replies.h"
#include "commands/journal_report.h"
#include "commands/recent_events.h"
#include "log/ahead_waits.h"
#include "log/event_log.h"
#include "log/past_cache.h"
#include "log/type_counts.h"
#include "runs/runs_thread.h"
#include "sources/source_table.h"
#include "sources/source_tracker.h"
#include "stream/snapshot.h"

namespace bridge {

class Alerts;

// What is told of a connection.
struct ClientInfo {
  std::uint64_t connection = 0;  // counts connections from 1
  std::string client_id;         // as registered; may be empty
  std::string client_type;
  std::string identity;           // empty where nobody has to say who he is
  std::string remote;             // address:port
  bool deflate = false;           // it takes compressed messages
  bool event_stream = false;      // by GET /events; else by WebSocket
  std::int64_t connected_us = 0;  // wall clock
  std::vector<std::string> subscriptions;
  std::string filter_json;  // may be empty
  std::uint64_t events_sent = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t lag = 0;  // events of the log it has not come to
  std::uint64_t gaps = 0;
};

// Serving clients at the moment, over all threads that do.
struct ClientsReport {
  std::uint64_t clients = 0;
  std::uint64_t event_streams = 0;  // of these, by GET /events
  std::uint64_t lag = 0;  // over all of them
  std::uint64_t lag_max = 0;
  std::size_t cohorts = 0;
  Deflater::Tally deflated;  // batches, compressed for those who take it
  Counters counters;         // of threads other than the log's

  void add(const ClientsReport& other);
};

// Where such a report is had.
class ClientDirectory {
 public:
  virtual ~ClientDirectory() = default;
  // `done` is called once, on this thread, now or when the others have answered.
  virtual void report(std::function<void(const ClientsReport&)> done) const = 0;
  // The same with at most `max` clients, those of the lowest numbers after `connection`, in their order.
  using Clients = std::vector<ClientInfo>;
  virtual void list(std::uint64_t connection, std::size_t max,
                    std::function<void(const Clients&)> done) const = 0;
};

// All that the commands look at. Everything must outlive OwnCommands.
struct BridgeView {
  EventLog& log;
  Snapshot& snapshot;
  const SourceTable& sources;
  const SourceTracker& tracker;
  const TypeCounts& types;
  const Counters& counters;
  const Clock& clock;
  HistoryLimits history_limits;
  std::size_t clients_max;
  std::string version;
  MemoryLedger* memory = nullptr;  // null: not told, nor counted
  WorkQueue* work = nullptr;  // for what takes long; null: all is done at once
  PastCache* past = nullptr;  // what lies behind memory; null: nothing
  PastRuns* runs = nullptr;   // null: questions about runs are refused
  Alerts* alerts = nullptr;   // null: likewise
  Audit* audit = nullptr;     // null: likewise
  const Schemas* schemas = nullptr;  // null: no type has one
  const ConfigStatus* config = nullptr;  // null: nothing is told of it
};

// What who asks may be told.
struct AskerRights {
  ReadScopePtr scope;                        // null: everything
  std::optional<std::uint64_t> only_client;  // of clients this connection alone; nothing: of all
};

// One thread: the log's.
class OwnCommands {
 public:
  explicit OwnCommands(BridgeView view);

  void set_runs(PastRuns* runs) { view_.runs = runs; }
  void set_alerts(Alerts* alerts) { view_.alerts = alerts; }
  void set_audit(Audit* audit) { view_.audit = audit; }
  // Begins to drain the bridge, over so many seconds, or as it is configured; returns how long and how many clients it
  // has.
  using Drained = std::pair<std::int64_t, std::size_t>;
  void set_drain(std::function<Drained(std::optional<std::int64_t> drain_s, const std::string& by)> drain) {
    drain_ = std::move(drain);
  }
  // Where it is waited for events that others have already; outlives this. Without it nothing is.
  void set_ahead(AheadWaits* ahead) { ahead_ = ahead; }
  // Sources of other bridges too, which outlive this; `node` is this one's name.
  void set_peers(const Peers* peers, std::string node) {
    peers_ = peers;
    node_ = std::move(node);
  }
  void set_cluster(std::function<ClusterReport()> cluster) { cluster_ = std::move(cluster); }
  // Of all bridges of the cluster.
  void set_pages(std::vector<std::string> pages) { cluster_pages_ = std::move(pages); }
  void set_schemas(const Schemas* schemas) { view_.schemas = schemas; }
  void set_journal(JournalKeeper* journal) { journal_ = journal; }
  void set_slow_turns(const SlowTurns* turns) { slow_turns_ = turns; }
  void set_config(const ConfigStatus* config) { view_.config = config; }
  // Told of from now on.
  void set_limits(HistoryLimits history, std::size_t clients_max) {
    view_.history_limits = history;
    view_.clients_max = clients_max;
  }

  // The bridge's sockets by their names in the ready line; empty: off. Told by get_status once set.
  using Addresses = std::vector<std::pair<std::string, std::string>>;
  void set_addresses(Addresses addresses) { addresses_ = std::move(addresses); }

  // Set once the server is there; before, no client is listed.
  void set_directory(const ClientDirectory* directory) { directory_ = directory; }

  static bool knows(std::string_view command);

  using Done = ResultDone;

  // Calls `done` once, now or, where it is about clients or takes long, later, unless the account
  // ends before. `params` may be null (JSON) or an object. REQUIRES: knows(command).
  void run(std::string_view command, const rapidjson::Value& params,
           const std::shared_ptr<RequestBudget>& account, const Done& done, const AskerRights& rights = {},
           const AlertsAsker& asker = {});

  const BridgeView& view() const { return view_; }

 private:
  std::string get_status(const ClientsReport& report);
  void get_recent_events(const rapidjson::Value& params,
                         const std::shared_ptr<RequestBudget>& account, const Done& done,
                         const char* only_type, const ReadScopePtr& scope);
  // True where it was put off, or refused, as it is about what this bridge does not have yet.
  bool wait_for(const rapidjson::Value& params, const std::shared_ptr<RequestBudget>& account, const Done& done,
                const char* only_type, const ReadScopePtr& scope);
  void ask_runs(std::string_view command, const rapidjson::Value& params,
                const std::shared_ptr<RequestBudget>& account, const Done& done, const ReadScopePtr& scope);
  void drain(const rapidjson::Value& params, const std::string& by, const Done& done);
  void backup(const rapidjson::Value& params, const Done& done);
  void get_audit(const rapidjson::Value& params, const std::shared_ptr<RequestBudget>& account, const Done& done);

  // Lists: own_lists.cpp.
  void get_clients(const std::shared_ptr<RequestBudget>& account, const Done& done,
                   std::optional<std::uint64_t> only);
  std::map<std::string, std::pair<std::string_view, const Source*>> sources_of_all() const;
  void get_sources(const std::shared_ptr<RequestBudget>& account, const Done& done, const ReadScopePtr& scope);
  struct Latest;
  bool begin_latest(Latest& latest, bool all, std::uint64_t* work) const;
  void get_snapshot(const std::shared_ptr<RequestBudget>& account, const Done& done, const ReadScopePtr& scope);
  void get_event_types(const std::shared_ptr<RequestBudget>& account, const Done& done);
  void get_readable_types(const std::shared_ptr<RequestBudget>& account, const Done& done, const ReadScopePtr& scope);
  void list_alerts(const std::shared_ptr<RequestBudget>& account, const Done& done, const ReadScopePtr& scope);

  BridgeView view_;
  GrowingReplies replies_;
  Addresses addresses_;
  const ClientDirectory* directory_ = nullptr;
  std::function<Drained(std::optional<std::int64_t>, const std::string&)> drain_;  // null: it cannot be
  JournalKeeper* journal_ = nullptr;  // null: there is none
  AheadWaits* ahead_ = nullptr;
  const Peers* peers_ = nullptr;  // null: there is no other bridge
  std::string node_;
  std::function<ClusterReport()> cluster_;  // null: likewise
  std::vector<std::string> cluster_pages_;
  const SlowTurns* slow_turns_ = nullptr;  // null: nobody tells of them
  PastCache nothing_past_{nullptr};
  const std::shared_ptr<char> nobody_ = std::make_shared<char>();  // asks in place of who has no account
  const std::int64_t started_wall_us_;
  const std::int64_t started_steady_us_;
};

}  // namespace bridge
