// What the bridge is made of.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "access/authenticator.h"
#include "alerts/alerts.h"
#include "audit/audit.h"
#include "app/alerts_links.h"
#include "app/cluster_part.h"
#include "app/descriptor_watch.h"
#include "app/ending.h"
#include "app/flow.h"
#include "app/health.h"
#include "app/journal_positions.h"
#include "app/kept_journal.h"
#include "app/log_beginning.h"
#include "app/memory_shares.h"
#include "app/queue_sizes.h"
#include "app/rejects.h"
#include "app/runs_links.h"
#include "app/service_manager.h"
#include "app/setup.h"
#include "app/trainer_links.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/limits.h"
#include "base/loop_turns.h"
#include "base/work_queue.h"
#include "commands/command_dispatcher.h"
#include "commands/own_commands.h"
#include "commands/source_watch.h"
#include "log/own_events.h"
#include "net/bot_commands.h"
#include "net/bot_publisher.h"
#include "net/client_servers.h"
#include "net/event_receiver.h"
#include "net/memory_watch.h"
#include "net/pages.h"
#include "net/trainer_channel.h"
#include "net/zmq_guard.h"
#include "net/zmq_upkeep.h"
#include "runs/runs_thread.h"
#include "sources/intake.h"
#include "store/journal.h"

namespace bridge {

// Every part, made once, in the order in which they need each other, and who calls whom. What is opened, and when, says
// BridgeApp. One thread: the loop's.
class BridgeParts {
 public:
  // As for BridgeApp.
  BridgeParts(const LoadedConfig& loaded, const std::string& file, ReadConfig read, Program program);
  ~BridgeParts() { receiver_.stop(0, {}); }
  BridgeParts(const BridgeParts&) = delete;
  BridgeParts& operator=(const BridgeParts&) = delete;

 protected:
  // With the real ports.
  OwnCommands::Addresses addresses() const;

  // These, and all others that ZeroMQ's peers connect to.
  std::vector<std::string> endpoints(std::vector<std::string> all) const;

  // How many connections each may have, and how often anybody may be wrong.
  void limit_identities(const Config& config);

  void check_keys();  // whoever has one that is no longer good goes

  const Config config_;  // as at the start
  MemoryLedger memory_;  // before all that may hold bytes of it
  const bool memory_fits_ = share_memory(config_, memory_).ok();
  TakenBytes taken_;
  asio::io_context io_{1};
  ZmqUpkeep upkeep_{io_};
  zmq::context_t zmq_{config_.bots.events.empty() ? 1 : 2};  // I/O threads: see kBotDomain
  SystemClock clock_;
  ServiceManager service_;
  // Before anybody is told of them.
  const Result<bool> sockets_fit_ =
      service_.check_sockets(parse_address(config_.websocket.listen).value(), client_threads(config_));
  WorkQueue work_{poster(), clock_};
  Counters counters_;
  SlowTurns slow_turns_;
  const std::size_t clients_max_;
  const bool auth_is_on_;  // clients of WebSocket and HTTP, and bots without a key, have to say who they are
  const std::shared_ptr<AddressLimits> addresses_ = std::make_shared<AddressLimits>(address_limits(config_, auth_is_on_));
  const std::unique_ptr<Authenticator> authenticator_;  // null: nobody has a token or a key
  const std::shared_ptr<Audit> audit_;
  const std::unique_ptr<TlsContext> tls_;               // null: plain
  Reloader reloader_;
  Snapshot snapshot_{kSnapshotEntriesMax, kSnapshotBytesMax};
  const std::unique_ptr<ClusterPart> cluster_;  // null where the log is this bridge's own
  const std::unique_ptr<Journal> journal_;  // null where it is off
  Result<std::unique_ptr<Schemas>> schemas_;  // null where there are none
  const LogStart log_start_;
  EventLog log_;
  SourceTable sources_;
  SourceTracker tracker_;
  const std::unique_ptr<KeptJournal> kept_journal_ = make_kept_journal();  // null where it is off
  std::unique_ptr<PositionStore> positions_;  // null where there is no journal
  TypeCounts types_;  // of what is in the log
  TypeCounts proposed_types_;  // where it is shared: of what this bridge puts there, which is counted once it is in it
  PastCache past_{journal_.get(), kSearchCacheBytesMax};  // for commands
  OwnCommands commands_;
  RunsThread runs_{runs_options(config_, memory_[Queue::runs].bytes_max()), clock_,
                   {poster(), [this](const RunQuery& query, auto done) { runs_links_.prepare(query, std::move(done)); }}};
  RunsLinks runs_links_{log_, journal_.get(), cluster_.get()};
  OwnEvents own_events_;
  Rejects rejects_{*audit_, own_events_, clock_};
  std::string guard_failure_;
  ZmqGuard guard_;  // before all other sockets
  TrainerChannel trainers_;
  CommandDispatcher dispatcher_;
  Alerts alerts_{{memory_[Queue::alerts].bytes_max(), 1'000, config_.alerts.webhook_hosts}, log_, own_events_, counters_,
                 clock_, alerts_links(poster(), dispatcher_, journal_.get())};
  SourceWatch source_watch_{sources_, tracker_, dispatcher_.router(), own_events_};
  Intake intake_;
  Pages pages_;
  ClientServers client_servers_;
  EventReceiver receiver_;
  BotPublisher bot_publisher_;
  BotCommands bot_commands_;
  Ending ending_;
  Flow flow_{{io_, receiver_, tracker_, log_, client_servers_, bot_publisher_, ending_.stopping(), journal_.get(),
              config_.journal.before_delivery, cluster_.get()}};
  Health health_{{clock_, log_, own_events_, client_servers_, reloader_, *audit_, ending_.drain(), ending_.stopping(), tls_.get(), cluster_.get(),
                  journal_.get(), kept_journal_.get()}};
  TrainerLinks trainer_links_{{trainers_, intake_, sources_, dispatcher_.router(), log_, flow_, clock_}};
  QueueSizes queue_sizes_{memory_, {log_, tracker_, journal_.get(), runs_, alerts_, past_, sources_, dispatcher_.router(),
                                    client_servers_, client_threads(config_) > 1 ? &snapshot_ : nullptr}};
  MemoryWatch memory_watch_{upkeep_, memory_, [this] { queue_sizes_.count(); }, [this] { return endpoints(receiver_.zmq_endpoints()); },
                            taken_, [this](int descriptor) { receiver_.drop_from(descriptor); }};
  DescriptorWatch descriptor_watch_{upkeep_};

 private:
  BridgeParts(const Config& config, const LoadedConfig& loaded, const std::string& file, ReadConfig read, Program program);

  // Null where there are none.
  Schemas* schemas() { return schemas_ ? schemas_.value().get() : nullptr; }

  // What runs a function on the loop, later; from any thread.
  std::function<void(std::function<void()>)> poster();
  ClientServersOptions serving(const Config& config, std::size_t clients_max);

  // Parts of memory that follow from shares of it.
  void share_out();
  ReloadParts reload_parts();

  // What has changed by SIGHUP, to those whom it is about. Alerts and runs keep the share of memory that they began with.
  void apply(const Config& config);
  AuditOptions audit_options(const Config& config);

  // What is wrong with them, start() tells.
  ZmqGuardOptions guard_options();
  void metrics(std::function<void(std::string)> done);
  // Null where it is off.
  std::unique_ptr<ClusterPart> make_cluster(const Config& config);
  std::unique_ptr<Journal> make_journal(const Config& config);
  std::unique_ptr<KeptJournal> make_kept_journal();
  std::optional<JournalStatus> journal_status() const;
  EndingLinks ending_links();
};

}  // namespace bridge
