// What serves WebSocket clients on one thread: its endpoint, its sessions, their cohorts and
// replays.
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
#include "base/slow_turns.h"
#include "base/work_queue.h"
#include "commands/command_dispatcher.h"
#include "commands/own_commands.h"
#include "conversation/session.h"
#include "log/event_log.h"
#include "log/past_reader.h"
#include "net/ticking.h"
#include "net/ws_server.h"
#include "stream/cohorts.h"
#include "stream/replay.h"
#include "stream/snapshot.h"

namespace bridge {

// What a server reads, writes and asks; all of it on one thread, and outlives the server.
struct ClientServerParts {
  asio::io_context& io;
  EventLog& log;
  Snapshot& snapshot;
  PastReader* past;  // null: the past ends where memory does
  CommandTaker& dispatcher;
  Counters& counters;
  const Clock& clock;
  WorkQueue& work;
  SlowTurns* slow_turns = nullptr;  // where long turns are told of; null: nowhere
};

// One thread: that of its io_context. Only start() may be called before that runs.
class ClientServer {
 public:
  // `catch_up`: see SessionContext. `on_gathered`: is called in place of announce() once it has waited for that
  // to be due.
  ClientServer(const ClientServerParts& parts, const WsServerOptions& options, WsServer::HttpHandler on_http,
               std::function<void()> catch_up = {}, std::function<void()> on_gathered = {});

  Result<bool> start();
  // What it listens with. What else is to be told of ends and options goes by this.
  WsServer& sockets() const { return *server_; }

  // As WsServer::apply(), and of the sessions that there are.
  void apply(const WsServerOptions& options) {
    sessions_.options = options.session;
    server_->apply(options);
  }

  // The log has grown.
  void announce();
  // It waits for what comes to be more before it tells anybody.
  bool gathering() const { return gathering_; }

  // Takes no more connections; every client gets what there is and then 1001. Idempotent.
  void drain();

  ClientsReport report() const;

 private:
  void tick();
  void count();

  const Snapshot& snapshot_;
  MemoryHold past_bytes_;
  MemoryHold snapshot_bytes_;
  const std::size_t connection_bytes_;
  MemoryHold clients_bytes_;
  Cohorts cohorts_;
  Replays replays_;
  SessionContext sessions_;
  const std::unique_ptr<WsServer> server_;
  Ticking ticks_;
  Ticking seconds_;
  asio::steady_timer gather_timer_;
  const std::function<void()> on_gathered_;
  bool gathering_ = false;  // until that
};

}  // namespace bridge
