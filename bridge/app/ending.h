// How the bridge ends, or becomes another: at once, drained, or handed over; told by a signal, by a client, or by the program.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <asio/io_context.hpp>

#include "app/drain.h"
#include "app/hand_over.h"
#include "app/service_manager.h"
#include "app/signals.h"
#include "app/stopping.h"
#include "base/clock.h"

namespace bridge {

// What it needs of the others.
struct EndingLinks {
  std::function<void()> reload;          // SIGHUP
  std::function<std::int64_t()> drain_s;  // of the configuration
  std::function<void()> take_last;       // has in what sources have sent, and hands it on
  std::function<bool()> kept;            // whether what else is to be kept is
  std::function<std::string()> status;   // for the service manager
};

// One thread: the loop's. All that it is given outlives it. From its making on no signal ends the process by itself.
class Ending {
 public:
  Ending(asio::io_context& io, EventLog& log, Journal* journal, ClientServers& clients, ServiceManager& service, const Clock& clock,
         Program program, EndingLinks links);

  // From now on signals are taken; those that came before, too.
  void watch() { signals_.watch(); }
  // Call every few milliseconds.
  void tick();
  // Stops, as a signal would.
  void begin(const char* why);
  // The loop has ended.
  void over();

  Drain& drain() { return drain_; }
  const Drain& drain() const { return drain_; }
  const Stopping& stopping() const { return stopping_; }
  // Copies of listening sockets, for the program that this process becomes; empty: it becomes none.
  const std::vector<int>& handed_over() const { return handed_over_; }

 private:
  SignalActions actions();
  void stop(const char* why, std::int64_t drain_us);
  void watch_hand_over();

  asio::io_context& io_;
  ClientServers& clients_;
  ServiceManager& service_;
  const Clock& clock_;
  const EndingLinks links_;
  Signals signals_;
  Drain drain_;
  Stopping stopping_;
  HandOver hand_over_;
  std::vector<int> handed_over_;
};

}  // namespace bridge
