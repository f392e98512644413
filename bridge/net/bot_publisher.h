// Events out for bots: the XPUB socket, one more cursor into the log (PROTOCOL section 3).
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "base/counters.h"
#include "base/memory_ledger.h"
#include "base/result.h"
#include "log/event_log.h"
#include "net/zmq_peers.h"
#include "net/zmq_watch.h"

namespace bridge {

// Lives on the loop's thread. The log must outlive it.
class BotPublisher {
 public:
  // What bots have yet to take counts as `unread`, what they subscribe to as `topics`.
  BotPublisher(asio::io_context& io, zmq::context_t& context, EventLog& log, Counters& counters,
               MemoryShare& unread, MemoryShare& topics, TakenBytes& taken);

  // Binds; "" leaves it off. A failure names the address and the reason.
  Result<bool> start(const std::string& endpoint);

  // Where it is bound; empty where it is off.
  const std::string& endpoint() const { return endpoint_; }

  // Sends what is new in the log, a turn's worth now and the rest after the other sockets. Call after
  // each batch of appends. A bot that does not read loses events at its high-water mark, as is ZeroMQ's
  // way; the holes in `seq` tell it, and get_recent_events has them. Where all of them hold too much memory, the
  // one that is furthest behind is disconnected.
  void publish();

 private:
  Turn take_turn();
  // False where there are more than a turn's worth.
  bool read_subscriptions();
  void add_topic(std::string topic, int descriptor);
  void drop_topic(const std::string& topic);
  void shed();

  asio::io_context& io_;
  EventLog& log_;
  Counters& counters_;
  TakenBytes& taken_;
  zmq::socket_t socket_;
  std::string endpoint_;
  std::unique_ptr<ZmqWatch> watch_;
  std::uint64_t cursor_ = 0;
  MemoryShare& unread_;
  MemoryHold topic_bytes_;
  MemoryShare& topics_share_;
  std::unordered_map<std::string, int> topics_;     // by whom: the first who wanted it
  std::unordered_map<int, std::size_t> bot_bytes_;  // of topics, by who wanted them
  std::chrono::steady_clock::time_point shed_at_;   // when a slow bot was last disconnected
  std::string topic_;                               // reused
};

}  // namespace bridge
