#include "app/bridge_app.h"

#include <chrono>
#include <utility>

#include <asio/post.hpp>

#include "app/bridge_parts.h"
#include "app/log_beginning.h"
#include "app/setup.h"
#include "base/log.h"
#include "base/loop_turns.h"
#include "net/ticking.h"
#include "version.h"

namespace bridge {
namespace {

constexpr auto kTick = std::chrono::seconds(1);
constexpr auto kCommandTick = std::chrono::milliseconds(20);
constexpr auto kClusterTick = std::chrono::milliseconds(1);

}  // namespace

// What it does over its life, and again and again, with its parts.
class BridgeApp::Impl : BridgeParts {
 public:
  using BridgeParts::BridgeParts;

  Result<bool> start() {
    const auto read = reloader_.load_files();
    if (!read) return read;
    limit_identities(config_);
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

  void tick() {
    const TurnPart part("once a second");
    if (authenticator_ && authenticator_->changed()) (void)reloader_.reload_credentials();
    check_keys();  // some may have run out
    const std::int64_t now = clock_.steady_us();
    if (now > last_tick_us_ && !looking_at_sources_) {
      look_at_sources(static_cast<double>(now - last_tick_us_) / 1e6, now);
      last_tick_us_ = now;
    }
    rejects_.tell_more();
    counters_.log_dropped = log_lines_dropped();
    if (!ending_.stopping().begun()) service_.status(health_.status_line());
  }

  void look_at_sources(double elapsed_s, std::int64_t now_us) {
    const TurnPart part("sources");
    looking_at_sources_ = !sources_.tick(elapsed_s, now_us);
    if (looking_at_sources_) work_.post([this, elapsed_s, now_us] { look_at_sources(elapsed_s, now_us); });
  }

  Ticking seconds_{io_, kTick, [this] { tick(); }};
  Ticking deadlines_{io_, kCommandTick, [this] { command_tick(); }};
  Ticking cluster_ticking_{io_, kClusterTick, [this] { cluster_tick(); }};
  std::int64_t last_tick_us_ = 0;
  bool looking_at_sources_ = false;  // some of them wait for a further turn
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
