#include "bridge.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <rapidjson/document.h>

#include "event/subscription.h"
#include "source.h"

namespace sim {
namespace {

constexpr std::int64_t kTickUs = 20 * kMs;
constexpr std::size_t kWriteBytes = 1500;  // small, so that a busy client lags

bridge::Subscription everything() {
  rapidjson::Document all(rapidjson::kObjectType);
  return bridge::Subscription::parse(all).value();
}

// Payloads of whole, unmasked frames.
void for_each_payload(std::string_view bytes, const std::function<void(std::string_view)>& use) {
  while (!bytes.empty()) {
    std::size_t size = static_cast<unsigned char>(bytes[1]);
    std::size_t header = 2;
    if (size >= 126) {
      const std::size_t width = size == 126 ? 2 : 8;
      size = 0;
      for (std::size_t i = 0; i < width; ++i) {
        size = size << 8 | static_cast<unsigned char>(bytes[2 + i]);
      }
      header += width;
    }
    use(bytes.substr(header, size));
    bytes.remove_prefix(header + size);
  }
}

}  // namespace

SimBridge::Session::Session(SimBridge& bridge, std::uint64_t connection, ToClient to)
    : feed(bridge.log_, bridge.cohorts_, bridge.world_.clock,
           [&bridge, connection] { bridge.pump_soon(connection); }),
      protocol(feed, bridge.dispatcher_, bridge.replays_, bridge.log_, bridge.counters_,
               bridge.world_.clock, 1'000'000, connection,
               [&bridge, connection](bridge::Verdict) { bridge.pump_soon(connection); }),
      to_client(std::move(to)) {}

SimBridge::SimBridge(World& world, const std::vector<std::unique_ptr<SimSource>>& sources,
                     std::string epoch, bridge::HistoryLimits limits, std::size_t held_bytes_max,
                     JournalManners journal)
    : world_(world),
      sources_by_name_(sources),
      held_bytes_max_(held_bytes_max),
      journal_manners_(journal),
      journal_(world, journal),
      log_(std::move(epoch), limits, [this](const bridge::Block& b) { snapshot_.fold(b); }),
      cohorts_(log_, snapshot_, world.clock, journal == JournalManners::none ? nullptr : &journal_),
      replays_(log_, cohorts_, world.clock),
      sources_(64, counters_),
      tracker_(sources_, held_bytes_max, counters_),
      own_commands_({log_, snapshot_, sources_, tracker_, types_, counters_, world.clock, limits,
                     100, "sim", nullptr, nullptr, &cohorts_.past()}),
      own_events_(log_, types_, world.clock, [this] { announce_soon(); }),
      dispatcher_(own_commands_, sources_, *this, own_events_, counters_, world.clock, 2'000'000),
      source_watch_(sources_, tracker_, dispatcher_.router(), own_events_),
      intake_(1 << 16, log_, sources_, tracker_, types_, own_events_, counters_, world.clock, {}),
      everything_(log_, cohorts_, world.clock, [] {}) {
  log_.add_on_seal([this](const bridge::BlockPtr& block) { journal_.keep(block); });
  tracker_.set_link(&dispatcher_.router());
  dispatcher_.router().set_repair_listener([this](const bridge::RepairAnswer& answer) {
    if (intake_.take_repair(answer)) announce_soon();
  });
  bridge::Since from_the_first;
  from_the_first.epoch = log_.epoch();
  everything_.subscribe(everything(), from_the_first);
  every_tick();
  every_second();
}

void SimBridge::after(std::int64_t delay_us, std::function<void()> what) {
  world_.after(delay_us, [alive = std::weak_ptr<char>(alive_), what = std::move(what)] {
    if (!alive.expired()) what();
  });
}

// ---- Sources.

void SimBridge::take(const std::string& message) {
  intake_.take(message);
  cohorts_.announce();
}

void SimBridge::control(const std::string& connection, const std::string& json) {
  std::string reply;
  if (!intake_.take_hello(connection, json, &reply)) {
    dispatcher_.router().on_answer(connection, json);
  }
}

void SimBridge::disconnected(const std::string& connection) { sources_.disconnected(connection); }

bool SimBridge::send(const std::string& connection, const std::string& json) {
  for (const auto& known : sources_by_name_) {
    if (known->connection() == connection) return known->request(json);
  }
  return false;
}

void SimBridge::every_tick() {
  if (dispatcher_.busy()) dispatcher_.tick();
  if (tracker_.busy() && intake_.tick()) announce_soon();
  after(kTickUs, [this] { every_tick(); });
}

void SimBridge::every_second() {
  sources_.tick(1.0, world_.clock.steady_us());
  after(1000 * kMs, [this] { every_second(); });
}

void SimBridge::announce_soon() {
  if (std::exchange(announcing_, true)) return;
  after(0, [this] {
    announcing_ = false;
    cohorts_.announce();
  });
}

// ---- Clients.

std::uint64_t SimBridge::open(ToClient to_client) {
  const std::uint64_t connection = ++last_connection_;
  sessions_[connection] = std::make_unique<Session>(*this, connection, std::move(to_client));
  return connection;
}

void SimBridge::request(std::uint64_t connection, const std::string& text) {
  const auto found = sessions_.find(connection);
  if (found == sessions_.end()) return;
  require(found->second->protocol.handle(text) == bridge::Verdict::keep, "a client was refused");
  pump(connection);
}

void SimBridge::written(std::uint64_t connection) {
  const auto found = sessions_.find(connection);
  if (found == sessions_.end()) return;
  found->second->writing = false;
  pump(connection);
}

void SimBridge::close(std::uint64_t connection) { sessions_.erase(connection); }

void SimBridge::pump_soon(std::uint64_t connection) {
  after(0, [this, connection] { pump(connection); });
}

void SimBridge::pump(std::uint64_t connection) {
  const auto found = sessions_.find(connection);
  if (found == sessions_.end() || found->second->writing) return;
  Session& session = *found->second;
  const bridge::Outgoing out = session.feed.pull(kWriteBytes);
  if (out.more) pump_soon(connection);
  if (out.empty()) return;
  session.writing = true;
  for (const auto& buffer : out.buffers) {
    for_each_payload(*buffer, [&](std::string_view text) { session.to_client(std::string(text)); });
  }
  session.to_client({});
}

// ---- Checks.

std::vector<std::string> SimBridge::grown() {
  std::vector<std::string> payloads;
  for (;;) {
    const bridge::Outgoing out = everything_.pull(1 << 20);
    for (const auto& buffer : out.buffers) {
      for_each_payload(*buffer, [&](std::string_view text) { payloads.emplace_back(text); });
    }
    if (out.empty() && !out.more) return payloads;
  }
}

bool SimBridge::is_connected(const std::string& source, const std::string& run) const {
  const bridge::Run* const known = sources_.find(source, run);
  return known != nullptr && known->connected();
}

bool SimBridge::is_spoken_for(const std::string& source, const std::string& run) const {
  const bridge::Run* const known = sources_.find(source, run);
  return known != nullptr && (known->connected() || world_.clock.steady_us() < known->spoken_for_until_us);
}

bool SimBridge::has_met(const std::string& source, const std::string& run) const {
  const bridge::Run* const known = sources_.find(source, run);
  return known != nullptr && known->order.met && known->order.passed_to > 0;
}

void SimBridge::check_counters(std::uint64_t expected) const {
  std::uint64_t rejected = 0;
  for (const std::uint64_t n : counters_.rejected) rejected += n;
  require(rejected == expected, "an event was rejected, or a stray one was not");
  require(counters_.bodies_received + counters_.events_repaired ==
              counters_.events_from_sources + counters_.announcements + rejected +
                  counters_.events_duplicate + counters_.events_put_off + tracker_.held_events(),
          "bodies are not accounted for: " + std::to_string(counters_.bodies_received) + " received, " +
              std::to_string(counters_.events_repaired) + " repaired, " +
              std::to_string(counters_.events_from_sources) + " accepted, " +
              std::to_string(counters_.announcements) + " announcements, " + std::to_string(rejected) + " rejected, " +
              std::to_string(counters_.events_duplicate) + " duplicates, " +
              std::to_string(counters_.events_put_off) + " put off, " +
              std::to_string(tracker_.held_events()) + " held");
  require(tracker_.held_bytes() <= held_bytes_max_ + 1000, "more waits than may");
}

}  // namespace sim
