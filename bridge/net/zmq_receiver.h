// Events in: the SUB socket (PROTOCOL section 2).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "base/result.h"
#include "net/zmq_guard.h"
#include "net/zmq_monitor.h"
#include "net/zmq_peers.h"
#include "net/zmq_watch.h"
#include "sources/intake.h"

namespace bridge {

struct ReceiverOptions {
  std::vector<std::string> bind;     // endpoints that sources connect to
  std::vector<std::string> connect;  // endpoints that sources bind
  std::int64_t message_bytes_max = 16 << 20;  // a peer that sends a larger frame is disconnected
  int receive_messages_max = 768;             // waiting in ZeroMQ, per peer (ZMQ_RCVHWM)
};

// Lives on the loop's thread; stop() before the loop goes.
class ZmqReceiver {
 public:
  // `on_batch` is called after each turn that took messages in.
  ZmqReceiver(asio::io_context& io, zmq::context_t& context, ZmqGuard& guard, Intake& intake, Counters& counters,
              TakenBytes& taken, std::function<void()> on_batch);

  // Binds and connects. A failure names the address and the reason.
  Result<bool> start(const ReceiverOptions& options);

  // Where it is bound, with the real ports.
  const std::vector<std::string>& endpoints() const { return endpoints_; }

  // For the next second, throws away what came on this descriptor: its peer was disconnected, and libzmq
  // still holds what it sent.
  void drop_from(int descriptor);

  // Takes nothing in until resume(): ZeroMQ and the sources hold the rest. Idempotent.
  void pause() { paused_ = true; }
  void resume();

  // Takes in what has arrived, for at most `drain_us`, and closes. Idempotent.
  void stop(std::int64_t drain_us);

 private:
  Turn take_turn();
  void begin_batch();

  asio::io_context& io_;
  zmq::context_t& context_;
  ZmqGuard& guard_;
  Intake& intake_;
  Counters& counters_;
  TakenBytes& taken_;
  const std::function<void()> on_batch_;
  zmq::socket_t socket_;
  zmq::message_t frame_;              // what batch_ is of
  std::optional<IntakeBatch> batch_;  // being taken in
  ZmqSender sender_;                  // whose it is
  const SenderRule rule_;
  const PeerName peer_;
  std::unique_ptr<ZmqMonitor> monitor_;
  std::unique_ptr<ZmqWatch> watch_;
  std::vector<std::string> endpoints_;
  std::set<int> dropped_;  // descriptors
  std::chrono::steady_clock::time_point drop_until_;
  bool paused_ = false;
};

}  // namespace bridge
