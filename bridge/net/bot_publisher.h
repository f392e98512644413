// Events out for bots: one more cursor into the log (PROTOCOL section 3), and a thread that has the socket.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "base/counters.h"
#include "base/log.h"
#include "base/result.h"
#include "log/event_log.h"
#include "net/bot_queue.h"
#include "net/bot_socket.h"
#include "net/zmq_peers.h"
#include "net/zmq_upkeep.h"

namespace bridge {

// Lives on the loop's thread, which never waits for the socket's. The log must outlive it.
class BotPublisher {
 public:
  // What waits for the thread counts as `backlog`.
  BotPublisher(asio::io_context& io, EventLog& log, Counters& counters, ZmqUpkeep& upkeep, MemoryShare& backlog,
               const BotSocketParts& socket);
  ~BotPublisher();

  // Binds and starts the thread; "" leaves both off. A failure names the address and the reason.
  Result<bool> start(const std::string& endpoint);

  // Hands over what waits and ends the thread, where it comes back in time; where not, nothing that it uses may be destroyed.
  [[nodiscard]] bool end();

  // Where it is bound; empty where it is off.
  const std::string& endpoint() const { return endpoint_; }

  // Hands on what is new in the log, as much as there is room for and the rest once the thread has taken that; what is
  // open gathers meanwhile, unless it is the `last` that is handed on. Call after each batch of appends. What the history
  // lets go of before is a hole in `seq`, and get_recent_events has it.
  void publish(bool last = false);

  // Keys may no longer be good, or read less: those who have them are disconnected. Call about once a second.
  void check_keys();

  // Takes over what the thread has counted, and looks whether it is held up. Call every 20 ms or so.
  void tick();

 private:
  void watch();
  void hold_off();
  void let_in();
  void look_after_door(bool held_up);

  asio::io_context& io_;
  EventLog& log_;
  Counters& counters_;
  ZmqUpkeep& upkeep_;
  BotQueue queue_;
  const BotSocketParts parts_;
  std::string endpoint_;
  std::unique_ptr<BotSocket> socket_;  // null where it is off
  std::uint64_t cursor_ = 0;
  bool asked_ = false;  // the thread, whether it is there; it has yet to answer
  std::chrono::steady_clock::time_point asked_at_;
  std::chrono::nanoseconds used_{};  // by the thread then
  bool shut_ = false;     // no more bots are let in
  std::chrono::steady_clock::time_point shut_at_, open_at_, sent_away_at_;
  bool looking_ = false;  // after the door, on the other thread
  LogLimiter lines_;
};

}  // namespace bridge
