// What serves WebSocket clients on one thread: its endpoint, its sessions, their cohorts and replays.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "base/address.h"
#include "base/clock.h"
#include "base/counters.h"
#include "base/result.h"
#include "core/cold_reader.h"
#include "core/command_desk.h"
#include "core/event_log.h"
#include "core/hub.h"
#include "core/own_commands.h"
#include "core/replay.h"
#include "core/snapshot.h"
#include "net/session.h"
#include "net/ws_server.h"

namespace bridge {

// What a shard reads, writes and asks; all of it on the shard's thread, and outlives it.
struct ShardParts {
  asio::io_context& io;
  EventLog& log;
  Snapshot& snapshot;
  ColdReader* cold;  // null: the past ends where memory does
  CommandTaker& desk;
  Counters& counters;
  const Clock& clock;
  std::string version;
  SessionLimits limits;
  int deflate_level = Deflater::kLevelMin;  // of batches, for clients that take them compressed
  std::function<void()> catch_up;  // see SessionContext
};

// One thread: that of its io_context. Only start() may be called before that runs.
class Shard {
 public:
  Shard(const ShardParts& parts, WsServerOptions options, WsServer::HttpHandler on_http);

  Result<bool> start();
  // In place of the address in the options. Call before start().
  void listen_on(const Address& address) { server_.listen_on(address); }
  const Address& address() const { return server_.address(); }

  // The log has grown.
  void announce();

  // Takes no more connections; every client gets what there is and then 1001. Idempotent.
  void drain();

  ClientsReport report() const;

 private:
  void tick();
  void second();

  Hub hub_;
  Replays replays_;
  SessionContext sessions_;
  WsServer server_;
  asio::steady_timer timer_;
  asio::steady_timer second_timer_;
  asio::steady_timer gather_timer_;
  bool gathering_ = false;  // until that
};

}  // namespace bridge
