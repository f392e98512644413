#include "app/bridge_parts.h"

#include <algorithm>
#include <chrono>

#include <asio/post.hpp>

#include "app/metrics.h"
#include "app/setup.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "commands/slow_turns_json.h"
#include "version.h"

namespace bridge {
namespace {

constexpr std::int64_t kDrainSourcesUs = 500'000;
constexpr std::int64_t kClusterFlushUs = 2'000'000;

}  // namespace

BridgeParts::BridgeParts(const LoadedConfig& loaded, const std::string& file, ReadConfig read, Program program)
    : BridgeParts(loaded.config, loaded, file, std::move(read), std::move(program)) {}

BridgeParts::BridgeParts(const Config& config, const LoadedConfig& loaded, const std::string& file, ReadConfig read, Program program)
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
                 [this](auto connection) { sources_.disconnected(connection); }, [this] { return trainer_links_.has_room(); }}),
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
      receiver_(io_, zmq_, guard_, intake_, counters_, taken_, clock_, memory_[Queue::events_in], [this] { flow_.on_events(); }),
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

OwnCommands::Addresses BridgeParts::addresses() const {
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

std::vector<std::string> BridgeParts::endpoints(std::vector<std::string> all) const {
  for (const auto* endpoint : {&bot_publisher_.endpoint(), &bot_commands_.endpoint(), &trainers_.endpoint()}) {
    if (!endpoint->empty()) all.push_back(*endpoint);
  }
  return all;
}

void BridgeParts::check_keys() {
  trainers_.check_keys();
  bot_publisher_.check_keys();
}

void BridgeParts::limit_identities(const Config& config) {
  if (!authenticator_) return;
  authenticator_->set_failures_per_minute_max(config.auth.failures_per_minute_max);
  authenticator_->set_connections_max(static_cast<std::size_t>(config.limits.connections_per_identity_max));
}

std::function<void(std::function<void()>)> BridgeParts::poster() {
  return [this](std::function<void()> f) { asio::post(io_, std::move(f)); };
}

ClientServersOptions BridgeParts::serving(const Config& config, std::size_t clients_max) {
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

void BridgeParts::share_out() {
  // The rest is for what trainers have yet to read.
  dispatcher_.router().set_bytes_max(memory_[Queue::commands].bytes_max() / 2);
  sources_.set_detail_bytes_max(memory_[Queue::sources].bytes_max() -
                                static_cast<std::size_t>(config_.sources.runs_max) * kRunBytes);
}

ReloadParts BridgeParts::reload_parts() {
  return {clock_, authenticator_.get(), auth_is_on_, tls_.get(), audit_.get(),
          [this](const Config& config) { apply(config); }, [this] { check_keys(); }};
}

void BridgeParts::apply(const Config& config) {
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
  limit_identities(config);
}

AuditOptions BridgeParts::audit_options(const Config& config) {
  AuditOptions options;
  options.file = {config.audit.file, config.audit.file_bytes_max, config.audit.files_max};
  options.post = poster();
  return options;
}

ZmqGuardOptions BridgeParts::guard_options() {
  auto options = zmq_guard_options(config_);
  if (options) return std::move(options.value());
  guard_failure_ = options.error().message;
  return {};
}

void BridgeParts::metrics(std::function<void(std::string)> done) {
  client_servers_.report([this, done = std::move(done)](const ClientsReport& report) {
    const auto journal = journal_status();
    const auto cluster = cluster_ ? std::optional(cluster_->report()) : std::nullopt;
    done(metrics_text(commands_.view(),
                      {report, dispatcher_.router().pending(), tls_.get(), audit_.get(), addresses_->forgotten(),
                       cluster ? &*cluster : nullptr},
                      journal ? &*journal : nullptr));
  });
}

std::unique_ptr<ClusterPart> BridgeParts::make_cluster(const Config& config) {
  if (config.engine.kind == "local") return nullptr;
  return std::make_unique<ClusterPart>(
      config, clock_, poster(),
      [this] {
        if (cluster_->poll()) flow_.announce();
      });
}

std::unique_ptr<Journal> BridgeParts::make_journal(const Config& config) {
  if (config.journal.path.empty()) return nullptr;
  return std::make_unique<Journal>(
      journal_options(config, memory_[Queue::runs].bytes_max()), clock_,
      poster());
}

std::unique_ptr<KeptJournal> BridgeParts::make_kept_journal() {
  return journal_ ? std::make_unique<KeptJournal>(config_, *journal_, poster()) : nullptr;
}

std::optional<JournalStatus> BridgeParts::journal_status() const {
  if (!journal_) return std::nullopt;
  return journal_->status();
}

EndingLinks BridgeParts::ending_links() {
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

}  // namespace bridge
