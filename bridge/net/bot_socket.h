// The XPUB socket that bots subscribe at, on a thread of its own.
//
// libzmq takes up all that a peer has subscribed to within one call, and lets go of it within one; where peers connect on
// and on that call does not end. So the loop makes none: it hands this thread blocks, and reads what it says.
//
// Where bots have keys, each subscription is looked at by itself (ZMQ_XPUB_MANUAL), and one to what the key's role may
// not read does not come about.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <zmq.hpp>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/memory_ledger.h"
#include "base/result.h"
#include "net/bot_door.h"
#include "net/bot_queue.h"
#include "net/bot_topics.h"
#include "net/zmq_guard.h"
#include "net/zmq_monitor.h"
#include "net/zmq_peers.h"
#include "net/zmq_watch.h"

namespace bridge {

// All of it may be used on any thread, and outlives the socket.
struct BotSocketParts {
  zmq::context_t& context;
  const ZmqGuard& guard;
  const Clock& clock;
  MemoryShare& unread;  // what bots have yet to take
  MemoryShare& topics;  // what they subscribe to
  TakenBytes& taken;
};

// Made, started and ended on the loop's thread. The queue must outlive it.
class BotSocket {
 public:
  // `on_room` is called on the socket's thread where the queue is to be asked again.
  BotSocket(const BotSocketParts& parts, BotQueue& queue, std::function<void()> on_room);
  // As end(), for as long as it takes.
  ~BotSocket();

  // Binds and starts the thread. Returns where it is bound; a failure names the address and the reason.
  Result<std::string> start(const std::string& endpoint);

  // Sends what is in the queue, where that can be done at once, and ends the thread. False where that has not come back by
  // then: it is in a call of libzmq, and nothing that it uses may be destroyed.
  [[nodiscard]] bool end(std::chrono::milliseconds patience);

  // From any thread.
  bool wanted() const { return wanted_; }  // whether anybody subscribes to anything
  void wake();                             // call where put() says so
  void check_keys();                       // as BotPublisher's
  void call(std::function<void()> f);  // on its thread, once that gets to it
  // Where bots come in, which may be shut; null before start(). Usable when this has gone, too.
  const std::shared_ptr<BotDoor>& door() const { return door_; }
  // What the thread has used of the processor.
  std::chrono::nanoseconds used();
  // What was counted since the last time.
  Counters take_counted();

 private:
  Turn take_turn();
  // Sends from the queue. What is left tells when to go on.
  enum class Left { nothing, more, no_room };
  Left send_some();
  void send(const Block& block, std::size_t index, std::int64_t now_us);
  // False where there are more than a turn's worth.
  bool read_subscriptions();
  void take_subscription(zmq::message_t& message);
  void look_at_keys();
  void share_counters();
  void add_topic(const std::string& topic, int descriptor);
  void drop_topic(const std::string& topic);
  void drop_topics_of(int descriptor);
  void on_topics();
  void shed();

  const BotSocketParts parts_;
  std::shared_ptr<BotDoor> door_;
  BotQueue& queue_;
  const std::function<void()> on_room_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer pause_{io_};
  zmq::socket_t socket_;
  ZmqSenders senders_;
  std::string endpoint_;
  bool keys_ = false;  // that bots have to have one
  Counters counters_;  // since they were last shared
  std::mutex counted_mutex_;
  Counters counted_;  // guarded
  std::unique_ptr<ZmqMonitor> monitor_;
  std::unique_ptr<ZmqWatch> watch_;
  std::optional<BotQueue::Stretch> sending_;
  MemoryHold topic_bytes_;
  // By descriptor. With keys each bot has its own entries, with its descriptor and a 0 in front.
  BotTopics topics_;
  std::unordered_map<int, std::shared_ptr<const Access>> readers_;  // with keys: who has subscribed
  LogLimiter refused_lines_;
  std::chrono::steady_clock::time_point shed_at_;  // when a slow bot was last disconnected
  std::string topic_;                              // reused
  std::atomic<bool> wanted_{false};
  std::atomic<bool> stopping_{false};
  std::promise<void> ended_;
  std::future<void> end_ = ended_.get_future();
  std::thread thread_;
};

}  // namespace bridge
