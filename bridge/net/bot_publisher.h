// Events out for bots: the XPUB socket, one more cursor into the log (PROTOCOL section 3).
//
// Where bots have keys, each subscription is looked at by itself (ZMQ_XPUB_MANUAL), and one to what the key's role may
// not read does not come about.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "base/counters.h"
#include "base/log.h"
#include "base/memory_ledger.h"
#include "base/result.h"
#include "log/event_log.h"
#include "net/bot_topics.h"
#include "net/zmq_guard.h"
#include "net/zmq_monitor.h"
#include "net/zmq_peers.h"
#include "net/zmq_upkeep.h"
#include "net/zmq_watch.h"

namespace bridge {

// Lives on the loop's thread. The log must outlive it.
class BotPublisher {
 public:
  // What bots have yet to take counts as `unread`, what they subscribe to as `topics`.
  BotPublisher(asio::io_context& io, zmq::context_t& context, ZmqGuard& guard, EventLog& log, Counters& counters,
               const Clock& clock, MemoryShare& unread, MemoryShare& topics, TakenBytes& taken, ZmqUpkeep& upkeep);

  // Binds; "" leaves it off. A failure names the address and the reason.
  Result<bool> start(const std::string& endpoint);

  // Where it is bound; empty where it is off.
  const std::string& endpoint() const { return endpoint_; }

  // Sends what is new in the log, a turn's worth now and the rest after the other sockets. Call after
  // each batch of appends. A bot that does not read loses events at its high-water mark, as is ZeroMQ's
  // way; the holes in `seq` tell it, and get_recent_events has them. Where all of them hold too much memory, the
  // one that is furthest behind is disconnected.
  void publish();

  // Keys may no longer be good, or read less: those who have them are disconnected. Call about once a second.
  void check_keys();

 private:
  Turn take_turn();
  // False where there are more than a turn's worth.
  bool read_subscriptions();
  void take_subscription(zmq::message_t& message);
  void add_topic(const std::string& topic, int descriptor);
  void drop_topic(const std::string& topic);
  void drop_topics_of(int descriptor);
  void shed();
  void shed_slowest(const std::vector<ZmqPeer>& peers);

  asio::io_context& io_;
  zmq::context_t& context_;
  ZmqGuard& guard_;
  EventLog& log_;
  Counters& counters_;
  const Clock& clock_;
  TakenBytes& taken_;
  ZmqUpkeep& upkeep_;
  zmq::socket_t socket_;
  std::string endpoint_;
  bool keys_ = false;  // that bots have to have one
  std::unique_ptr<ZmqMonitor> monitor_;
  std::unique_ptr<ZmqWatch> watch_;
  std::uint64_t cursor_ = 0;
  MemoryShare& unread_;
  MemoryHold topic_bytes_;
  MemoryShare& topics_share_;
  // By descriptor. With keys each bot has its own entries, with its descriptor and a 0 in front.
  BotTopics topics_;
  std::unordered_map<int, std::shared_ptr<const Access>> readers_;  // with keys: who has subscribed
  LogLimiter refused_lines_;
  std::chrono::steady_clock::time_point shed_at_;  // when a slow bot was last disconnected
  std::string topic_;                              // reused
};

}  // namespace bridge
