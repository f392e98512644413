#include "net/shard.h"

#include <chrono>
#include <utility>

namespace bridge {
namespace {

constexpr auto kTick = std::chrono::milliseconds(20);
constexpr auto kSecond = std::chrono::seconds(1);

}  // namespace

Shard::Shard(const ShardParts& parts, WsServerOptions options, WsServer::HttpHandler on_http)
    : hub_(parts.log, parts.snapshot, parts.clock, parts.cold, parts.deflate_level),
      replays_(parts.log, hub_, parts.clock),
      sessions_{parts.log,     hub_,           parts.desk,   replays_,      parts.version,
                parts.counters, parts.clock,   parts.limits, parts.catch_up},
      server_(parts.io, sessions_, std::move(options), std::move(on_http)),
      timer_(parts.io),
      second_timer_(parts.io),
      gather_timer_(parts.io) {}

Result<bool> Shard::start() {
  auto listening = server_.start();
  if (!listening) return listening;
  tick();
  second();
  return true;
}

void Shard::announce() {
  if (gathering_) return;
  const std::int64_t wait_us = hub_.announce_or_wait();
  if (wait_us == 0) return;
  gathering_ = true;
  gather_timer_.expires_after(std::chrono::microseconds(wait_us));
  gather_timer_.async_wait([this](const asio::error_code& ec) {
    gathering_ = false;
    if (!ec) announce();
  });
}

// Replays' paces and editions of the latest.
void Shard::tick() {
  replays_.tick();
  hub_.tick();
  timer_.expires_after(kTick);
  timer_.async_wait([this](const asio::error_code& ec) {
    if (!ec) tick();
  });
}

// Pings.
void Shard::second() {
  server_.tick();
  second_timer_.expires_after(kSecond);
  second_timer_.async_wait([this](const asio::error_code& ec) {
    if (!ec) second();
  });
}

void Shard::drain() {
  hub_.hurry();
  server_.drain();
}

ClientsReport Shard::report() const {
  ClientsReport report;
  report.clients = server_.clients();
  report.cohorts = hub_.cohorts();
  report.deflated = hub_.deflated();
  return report;
}

}  // namespace bridge
