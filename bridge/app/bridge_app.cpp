#include "app/bridge_app.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include <asio/post.hpp>

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
#include "app/metrics.h"
#include "app/queue_sizes.h"
#include "app/rejects.h"
#include "app/runs_links.h"
#include "app/service_manager.h"
#include "app/setup.h"
#include "app/ticking.h"
#include "app/trainer_links.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop_turns.h"
#include "base/text.h"
#include "base/work_queue.h"
#include "commands/command_dispatcher.h"
#include "commands/own_commands.h"
#include "commands/slow_turns_json.h"
#include "commands/source_watch.h"
#include "log/own_events.h"
#include "net/bot_commands.h"
#include "net/bot_publisher.h"
#include "net/client_servers.h"
#include "net/memory_watch.h"
#include "net/pages.h"
#include "net/trainer_channel.h"
#include "net/zmq_guard.h"
#include "net/event_receiver.h"
#include "net/zmq_upkeep.h"
#include "runs/runs_thread.h"
#include "sources/intake.h"
#include "store/journal.h"
#include "version.h"

namespace bridge {
namespace {

constexpr std::int64_t kDrainSourcesUs = 500'000;
constexpr auto kTick = std::chrono::seconds(1);
constexpr auto kCommandTick = std::chrono::milliseconds(20);
constexpr auto kClusterTick = std::chrono::milliseconds(1);
constexpr std::int64_t kClusterFlushUs = 2'000'000;

}  // namespace

class BridgeApp::Impl {
 public:
  Impl(const LoadedConfig& loaded, const std::string& file, ReadConfig read, Program program)
      : Impl(loaded.config, loaded, file, std::move(read), std::move(program)) {}

  Impl(const Config& config, const LoadedConfig& loaded, const std::string& file, ReadConfig read, Program program)
      : config_(config),
        clients_max_(clients_that_fit(config)),
        auth_is_on_(auth_is_on(config)),
        authenticator_(auth_is_on_ || !config.zmq.curve_key.empty()
                           ? std::make_unique<Authenticator>(config.auth.credentials, clock_, config.auth.roles, jwt_options(config))
                           : nullptr),
        audit_(std::make_shared<Audit>(audit_options(config), clock_)),
        tls_(make_tls(config)),
        reloader_(loaded, file, std::move(read), reload_parts()),
        cluster_(make_cluster(config)),
        journal_(make_journal(config)),
        schemas_(load_schemas(config)),
        log_start_(begin_log(config_, cluster_.get(), journal_.get())),
        log_(log_start_, history_limits(config), [this](const Block& b) { snapshot_.fold(b); }),
        sources_(static_cast<std::size_t>(config.sources.runs_max), counters_),
        tracker_(sources_, static_cast<std::size_t>(config.events.held_bytes_max), counters_),
        commands_({log_, snapshot_, sources_, tracker_, types_, counters_, clock_,
                   history_limits(config), clients_max_, kVersion, &memory_, &work_, &past_}),
        own_events_(log_, cluster_ ? proposed_types_ : types_, clock_, [this] { flow_.announce_soon(); }),
        guard_(io_, zmq_, authenticator_.get(), clock_, guard_options()),
        trainers_(io_, zmq_, guard_, counters_, memory_[Queue::commands], taken_,
                  {[this](const TrainerChannel::Message& message) { trainer_links_.on_message(message); },
                   [this](auto connection) { sources_.disconnected(connection); }}),
        dispatcher_(commands_, sources_, trainers_, own_events_, counters_, clock_,
                    config.trainers.deadline_ms * 1000),
        intake_(static_cast<std::size_t>(config.events.event_bytes_max), log_, sources_, tracker_,
                cluster_ ? proposed_types_ : types_, own_events_, counters_, clock_,
                [this](const RejectedBody& body) { rejects_.tell(body); }),
        pages_(intake_, clock_,
               {kVersion, served_files(schemas()), [this](auto done) { metrics(std::move(done)); },
                [this] { return slow_turns_json(slow_turns_); },
                [this] { return health_.trouble(); }, [this] { return health_.notice(); },
                [this] { return flow_.full(); },
                [this] { flow_.announce(); }, &work_, &dispatcher_,
                static_cast<std::uint64_t>(config.websocket.requests_per_s_max),
                LoginPages(auth_is_on_ ? authenticator_.get() : nullptr, &counters_, config.auth.session_s, audit_.get()), audit_.get()}),
        client_servers_(
            {io_, log_, snapshot_, journal_.get(), dispatcher_, counters_, clock_, work_, &slow_turns_}, serving(config, clients_max_),
            [this](const HttpRequest& r, bool own, const HttpAnswer& answer) {
              pages_.handle(r, own, answer);
            },
            [this] { flow_.regulate(); }),
        receiver_(io_, zmq_, guard_, intake_, counters_, taken_, clock_, memory_[Queue::events_in], [this] { flow_.announce(); }),
        bot_publisher_(io_, log_, counters_, upkeep_, memory_[Queue::bot_backlog],
                       {zmq_, guard_, clock_, memory_[Queue::bot_events], memory_[Queue::bot_topics], taken_}),
        bot_commands_(io_, zmq_, guard_, dispatcher_, counters_, clock_, memory_[Queue::bot_replies],
                      taken_, auth_is_on_ ? authenticator_.get() : nullptr),
        ending_(io_, log_, journal_.get(), client_servers_, service_, clock_, std::move(program), ending_links()) {
    commands_.set_directory(&client_servers_);
    pages_.set_sites(config.websocket.origins);
    commands_.set_pages(config.websocket.origins);
    commands_.set_slow_turns(&slow_turns_);
    commands_.set_runs(&runs_);
    commands_.set_alerts(&alerts_);
    commands_.set_audit(audit_.get());
    if (cluster_) commands_.set_ahead(&cluster_->ahead());
    commands_.set_config(&reloader_.status());
    commands_.set_drain([this](auto drain_s, const auto& by) {
      const std::int64_t seconds = drain_s.value_or(reloader_.config().websocket.drain_s);
      return std::make_pair(seconds, ending_.drain().begin(seconds, "asked for by " + printable(by)));
    });
    if (Schemas* const schemas = this->schemas(); schemas != nullptr && config.schemas.mode != "off") {
      commands_.set_schemas(schemas);
      intake_.set_schemas(schemas, config.schemas.mode == "reject");
    }
    dispatcher_.set_audit(audit_);
    bot_commands_.set_audit(audit_.get());
    guard_.set_audit(audit_.get());
    if (!journal_) log_.add_on_seal([this](const BlockPtr& block) { runs_.push(block); });
    tracker_.set_link(&dispatcher_.router());
    share_out();
    if (kept_journal_) commands_.set_journal(kept_journal_.get());
    if (journal_ && !cluster_) {
      positions_ = std::make_unique<JournalPositions>(*journal_);
      const bool all = journal_->positions().size() < positions_known(config);
      tracker_.restore(journal_->positions(), positions_.get(), !all);
    }
    if (cluster_) {
      cluster_->set_on_word([this](std::string_view key, std::string_view json) {
        if (key == "run.set") runs_links_.change(json);
      });
      cluster_->attach({sources_, source_watch_, types_, *journal_, dispatcher_, commands_});
    }
    intake_.set_on_more([this] {
      asio::post(io_, [this] {
        if (intake_.go_on()) flow_.announce();
      });
    });
    if (config_.trainers.connect_announced) {
      intake_.set_on_control([this](const std::string& source, const std::string& endpoint) {
        trainer_links_.connect_announced(source, endpoint);
      });
    }
  }

  ~Impl() { receiver_.stop(0, {}); }

  Result<bool> start() {
    const auto read = reloader_.load_files();
    if (!read) return read;
    if (authenticator_) {
      authenticator_->set_failures_per_minute_max(config_.auth.failures_per_minute_max);
      authenticator_->set_connections_max(static_cast<std::size_t>(config_.limits.connections_per_identity_max));
    }
    if (!sockets_fit_) return sockets_fit_;
    const auto auditing = audit_->start();
    if (!auditing) return auditing;
    if (!guard_failure_.empty()) return Failure{guard_failure_};
    if (!schemas_) return schemas_.error();
    guard_.start();
    if (cluster_) {
      auto joined = begin_journal(config_, *journal_, log_, [this] { flow_.on_journal(); });
      if (joined) joined = join_cluster(*cluster_, *journal_, log_, tracker_, io_);
      if (!joined) return joined;
    }
    auto listening = client_servers_.start();
    if (!listening) return listening;
    auto receiving = receiver_.start(receiver_options(config_));
    if (!receiving) return receiving;
    auto bots = bot_publisher_.start(config_.bots.events);
    if (!bots) return bots;
    bots = bot_commands_.start(config_.bots.commands, config_.websocket.message_bytes_max,
                               static_cast<std::uint64_t>(config_.websocket.requests_per_s_max));
    if (!bots) return bots;
    auto control = trainers_.start(config_.trainers.control);
    if (!control) return control;
    for (const std::string& entry : config_.trainers.connect) {
      const std::size_t equals = entry.find('=');
      auto connected = trainer_links_.connect(entry.substr(0, equals), entry.substr(equals + 1));
      if (!connected) return Failure{"trainers.connect: " + connected.error().message};
    }
    if (journal_ && !cluster_) {
      auto journalling = begin_journal(config_, *journal_, log_, [this] { flow_.on_journal(); });
      if (!journalling) return journalling;
      keep_switches(*journal_, dispatcher_);
    }
    alerts_.start(journal_ ? journal_->alerts() : AlertsLinks::Rows(), !journal_ || journal_->problem().empty());
    if (cluster_) {
      alerts_.share(*cluster_, [this] { return cluster_->tells(); });
      cluster_->set_on_rows([this] { alerts_.on_rows(); });
    }
    client_servers_.follow_log(journal_ ? [this] { return journal_->extent(); }
                                        : std::function<PastExtent()>());
    commands_.set_addresses(addresses());
    intake_.set_clients_address(addresses().front().second);
    ending_.watch();
    deadlines_.start();
    if (cluster_) cluster_ticking_.start();
    last_tick_us_ = clock_.steady_us();
    seconds_.start();
    log_info("bridge_up", "ppo-bridge {} is up, epoch {}", kVersion, log_.epoch());
    service_.ready(health_.status_line());
    return true;
  }

  std::string ready_line() const {
    std::string line = "ready";
    for (const auto& [name, address] : addresses()) {
      line += " " + name + "=" + (address.empty() ? "off" : address);
    }
    return line;
  }

  const std::vector<int>& handed_over() const { return ending_.handed_over(); }

  void run() {
    {
      const LoopTurns turns(counters_, clock_, &slow_turns_);
      io_.run();
    }
    ending_.over();
  }

  bool end() { return bot_publisher_.end(); }

  void stop() {
    asio::post(io_, [this] { ending_.begin("asked to"); });
  }

 private:
  // With the real ports.
  OwnCommands::Addresses addresses() const {
    std::string events_in;
    for (const std::string& endpoint : receiver_.endpoints()) {
      events_in += (events_in.empty() ? "" : ",") + endpoint;
    }
    return {{"ws", (tls_ ? "wss://" : "ws://") + to_string(client_servers_.address()) + "/ws"},
            {"events_in", events_in},
            {"events_out", bot_publisher_.endpoint()},
            {"commands", bot_commands_.endpoint()},
            {"control", trainers_.endpoint()}};
  }

  // What runs a function on the loop, later; from any thread.
  std::function<void(std::function<void()>)> poster() {
    return [this](std::function<void()> f) { asio::post(io_, std::move(f)); };
  }

  // Null where there are none.
  Schemas* schemas() { return schemas_ ? schemas_.value().get() : nullptr; }

  ClientServersOptions serving(const Config& config, std::size_t clients_max) {
    ClientServersOptions options = client_servers_options(config);
    options.server.clients_max = clients_max;
    options.server.addresses = addresses_;
    options.server.session.authenticator = auth_is_on_ ? authenticator_.get() : nullptr;
    options.server.session.audit = audit_.get();
    options.server.session.ahead = cluster_ ? &cluster_->ahead() : nullptr;
    options.listening_sockets = service_.listening_sockets();
    options.server.memory = &memory_;
    options.server.tls = tls_.get();
    options.server.http_body_bytes_max =
        std::min(options.server.http_body_bytes_max, memory_[Queue::http].bytes_max());
    options.log_start = log_start_;
    return options;
  }

  // Parts of memory that follow from shares of it.
  void share_out() {
    // The rest is for what trainers have yet to read.
    dispatcher_.router().set_bytes_max(memory_[Queue::commands].bytes_max() / 2);
    sources_.set_detail_bytes_max(memory_[Queue::sources].bytes_max() -
                                  static_cast<std::size_t>(config_.sources.runs_max) * kRunBytes);
  }

  ReloadParts reload_parts() {
    return {clock_, authenticator_.get(), auth_is_on_, tls_.get(), audit_.get(),
            [this](const Config& config) { apply(config); }, [this] { check_keys(); }};
  }

  // What has changed by SIGHUP, to those whom it is about. Alerts and runs keep the share of memory that they began with.
  void apply(const Config& config) {
    set_log_level(config.log.level);
    (void)share_memory(config, memory_);  // it was checked
    share_out();
    const std::size_t clients_max = clients_that_fit(config);
    const auto requests_per_s_max = static_cast<std::uint64_t>(config.websocket.requests_per_s_max);
    log_.set_limits(history_limits(config));
    commands_.set_limits(history_limits(config), clients_max);
    tracker_.set_held_bytes_max(static_cast<std::size_t>(config.events.held_bytes_max));
    intake_.set_event_bytes_max(static_cast<std::size_t>(config.events.event_bytes_max));
    dispatcher_.set_default_deadline(config.trainers.deadline_ms * 1000);
    pages_.set_limits(requests_per_s_max, config.auth.session_s);
    pages_.set_sites(config.websocket.origins);
    commands_.set_pages(config.websocket.origins);
    bot_commands_.set_requests_per_s_max(requests_per_s_max);
    client_servers_.apply(serving(config, clients_max));
    if (journal_) journal_->set_limits(journal_limits(config));
    addresses_->set(address_limits(config, auth_is_on_));
    if (tls_) tls_->rate().set(config.websocket.tls_handshakes_per_s_max);
    if (authenticator_) {
      authenticator_->set_failures_per_minute_max(config.auth.failures_per_minute_max);
      authenticator_->set_connections_max(static_cast<std::size_t>(config.limits.connections_per_identity_max));
    }
  }

  AuditOptions audit_options(const Config& config) {
    AuditOptions options;
    options.file = {config.audit.file, config.audit.file_bytes_max, config.audit.files_max};
    options.post = poster();
    return options;
  }

  // What is wrong with them, start() tells.
  ZmqGuardOptions guard_options() {
    auto options = zmq_guard_options(config_);
    if (options) return std::move(options.value());
    guard_failure_ = options.error().message;
    return {};
  }

  void metrics(std::function<void(std::string)> done) {
    client_servers_.report([this, done = std::move(done)](const ClientsReport& report) {
      const auto journal = journal_status();
      const auto cluster = cluster_ ? std::optional(cluster_->report()) : std::nullopt;
      done(metrics_text(commands_.view(),
                        {report, dispatcher_.router().pending(), tls_.get(), audit_.get(), addresses_->forgotten(),
                         cluster ? &*cluster : nullptr},
                        journal ? &*journal : nullptr));
    });
  }

  std::unique_ptr<ClusterPart> make_cluster(const Config& config) {
    if (config.engine.kind == "local") return nullptr;
    return std::make_unique<ClusterPart>(
        config, clock_, poster(),
        [this] {
          if (cluster_->poll()) flow_.announce();
        });
  }

  std::unique_ptr<Journal> make_journal(const Config& config) {
    if (config.journal.path.empty()) return nullptr;
    return std::make_unique<Journal>(
        journal_options(config, memory_[Queue::runs].bytes_max()), clock_,
        poster());
  }

  std::unique_ptr<KeptJournal> make_kept_journal() {
    return journal_ ? std::make_unique<KeptJournal>(config_, *journal_, poster()) : nullptr;
  }

  std::optional<JournalStatus> journal_status() const {
    if (!journal_) return std::nullopt;
    return journal_->status();
  }

  void cluster_tick() {
    if (ending_.stopping().begun()) return;
    if (cluster_->poll()) flow_.announce();
    flow_.watch_cluster();
  }

  // Deadlines of commands, dead-man's switches and holes in sources' numbers, to within kCommandTick.
  void command_tick() {
    const TurnPart part("deadlines");
    health_.watch_clock();
    if (dispatcher_.busy()) dispatcher_.tick();
    alerts_.tick();
    if (tracker_.busy() && intake_.tick()) flow_.announce_soon();
    bot_publisher_.tick();
    memory_watch_.check();
    descriptor_watch_.check([this] { return endpoints(receiver_.endpoints()); });
    service_.tick(clock_.steady_us());
    ending_.tick();
  }

  EndingLinks ending_links() {
    return {[this] { reloader_.reload(); },
            [this] { return reloader_.config().websocket.drain_s; },
            [this] {
              receiver_.resume();
              // No more than can still be written: a hole would be where nobody asks any more.
              receiver_.stop(kDrainSourcesUs, [this] {
                return journal_ && (journal_->congested() || journal_->status().queue_bytes > kJournalQueueBytesMax / 2);
              });
              intake_.stop();
              if (cluster_) cluster_->flush(kClusterFlushUs);
              flow_.announce();
              bot_publisher_.publish(true);
            },
            [this] { return alerts_.keep_now(); },
            [this] { return health_.status_line(); }};
  }

  void check_keys() {
    trainers_.check_keys();
    bot_publisher_.check_keys();
  }

  void tick() {
    const TurnPart part("once a second");
    if (authenticator_ && authenticator_->changed()) (void)reloader_.reload_credentials();
    check_keys();  // some may have run out
    const std::int64_t now = clock_.steady_us();
    if (now > last_tick_us_) sources_.tick(static_cast<double>(now - last_tick_us_) / 1e6, now);
    last_tick_us_ = now;
    rejects_.tell_more();
    counters_.log_dropped = log_lines_dropped();
    if (!ending_.stopping().begun()) service_.status(health_.status_line());
  }

  // These, and all others that ZeroMQ's peers connect to.
  std::vector<std::string> endpoints(std::vector<std::string> all) const {
    for (const auto* endpoint : {&bot_publisher_.endpoint(), &bot_commands_.endpoint(), &trainers_.endpoint()}) {
      if (!endpoint->empty()) all.push_back(*endpoint);
    }
    return all;
  }

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
  Ticking seconds_{io_, kTick, [this] { tick(); }};
  Ticking deadlines_{io_, kCommandTick, [this] { command_tick(); }};
  Ticking cluster_ticking_{io_, kClusterTick, [this] { cluster_tick(); }};
  QueueSizes queue_sizes_{memory_, {log_, tracker_, journal_.get(), runs_, alerts_, past_, sources_, dispatcher_.router(),
                                    client_servers_, client_threads(config_) > 1 ? &snapshot_ : nullptr}};
  MemoryWatch memory_watch_{upkeep_, memory_, [this] { queue_sizes_.count(); }, [this] { return endpoints(receiver_.zmq_endpoints()); },
                            taken_, [this](int descriptor) { receiver_.drop_from(descriptor); }};
  DescriptorWatch descriptor_watch_{upkeep_};
  std::int64_t last_tick_us_ = 0;
};

BridgeApp::BridgeApp(const LoadedConfig& config, const std::string& file, ReadConfig read, Program program)
    : impl_(std::make_unique<Impl>(config, file, std::move(read), std::move(program))) {}
BridgeApp::~BridgeApp() = default;
Result<bool> BridgeApp::start() { return impl_->start(); }
std::string BridgeApp::ready_line() const { return impl_->ready_line(); }
void BridgeApp::run() { impl_->run(); }
const std::vector<int>& BridgeApp::handed_over() const { return impl_->handed_over(); }
bool BridgeApp::end() { return impl_->end(); }
void BridgeApp::stop() { impl_->stop(); }

}  // namespace bridge
