#include "net/client_server.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/loop_turns.h"

namespace bridge {
namespace {

constexpr auto kTick = std::chrono::milliseconds(20);
constexpr auto kSecond = std::chrono::seconds(1);

}  // namespace

ClientServer::ClientServer(const ClientServerParts& parts, const WsServerOptions& options,
                           WsServer::HttpHandler on_http, std::function<void()> catch_up,
                           std::function<void()> on_gathered)
    : snapshot_(parts.snapshot),
      past_bytes_((*options.memory)[Queue::past]),
      snapshot_bytes_((*options.memory)[Queue::snapshot]),
      connection_bytes_(kConnectionBytes + (options.tls == nullptr ? 0 : kTlsBytes)),
      clients_bytes_((*options.memory)[Queue::clients]),
      cohorts_(parts.log, parts.snapshot, parts.clock, parts.past,
               std::max(options.deflate_level, Deflater::kLevelMin),
               options.memory, &parts.work),
      replays_(parts.log, cohorts_, parts.clock),
      sessions_{parts.log,      cohorts_,    parts.dispatcher, replays_,
                parts.counters, parts.clock, options.session,  std::move(catch_up)},
      server_(WsServer::make(parts.io, sessions_, options, std::move(on_http))),
      ticks_(parts.io, kTick, [this] { tick(); }),
      seconds_(parts.io, kSecond, [this] { count(); }),
      gather_timer_(parts.io),
      on_gathered_(on_gathered ? std::move(on_gathered) : [this] { announce(); }) {
  cohorts_.gather(options.gather_us, options.threads);
}

Result<bool> ClientServer::start() {
  auto listening = server_->start();
  if (!listening) return listening;
  ticks_.start();
  seconds_.start();
  return true;
}

void ClientServer::announce() {
  const TurnPart part("to clients");
  if (gathering_) return;
  const std::int64_t wait_us = cohorts_.announce_or_wait();
  if (wait_us == 0) return;
  gathering_ = true;
  gather_timer_.expires_after(std::chrono::microseconds(wait_us));
  gather_timer_.async_wait([this](const asio::error_code& ec) {
    gathering_ = false;
    if (!ec) on_gathered_();
  });
}

// Replays' paces, editions of the latest, and pings.
void ClientServer::tick() {
  const TurnPart part("clients' clock");
  server_->tick();
  replays_.tick();
  cohorts_.tick();
}

void ClientServer::count() {
  past_bytes_.set(cohorts_.past().bytes());
  snapshot_bytes_.set(snapshot_.bytes());
  clients_bytes_.set(server_->connections() * connection_bytes_);
}

void ClientServer::drain() {
  cohorts_.hurry();
  server_->drain();
}

ClientsReport ClientServer::report() const {
  ClientsReport report;
  server_->report(report);
  report.cohorts = cohorts_.cohorts();
  report.deflated = cohorts_.deflated();
  return report;
}

}  // namespace bridge
