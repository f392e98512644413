// Events in: the SUB sockets (PROTOCOL section 2).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "base/result.h"
#include "net/intake_turns.h"
#include "net/shared_port.h"
#include "net/zmq_guard.h"
#include "net/zmq_monitor.h"
#include "net/zmq_peers.h"
#include "net/zmq_watch.h"
#include "sources/intake.h"

namespace bridge {

struct ReceiverOptions {
  std::vector<std::string> bind;              // endpoints that sources connect to
  std::vector<std::string> connect;           // endpoints that sources bind
  std::int64_t message_bytes_max = 16 << 20;  // a peer that sends a larger frame is disconnected
  int receive_messages_max = 768;             // waiting in ZeroMQ, per peer (ZMQ_RCVHWM)
};

// A SUB socket reads from its peers a message each in rotation, however long, and cannot be told
// from whom. So there are several, the inlets: all listen at the same addresses, and a new
// connection comes to one that has fewest. They are read by deficit round robin, so sources at
// different inlets have equal shares of bytes whatever the size of their messages; those at the
// same one have libzmq's rotation. Where the system shares no port, and over ipc, all who connect
// to an address have one inlet.
//
// Lives on the loop's thread; stop() before the loop goes. Queues nothing but, of each inlet, the
// message that is being taken in.
class ZmqReceiver {
 public:
  static constexpr std::size_t kInlets = 16;

  // `on_batch` is called after each turn that took messages in.
  ZmqReceiver(asio::io_context& io, zmq::context_t& context, ZmqGuard& guard, Intake& intake,
              Counters& counters, TakenBytes& taken, std::function<void()> on_batch);

  // Binds and connects. A failure names the address and the reason.
  Result<bool> start(const ReceiverOptions& options);

  // Where it is bound, with the real ports.
  const std::vector<std::string>& endpoints() const { return endpoints_; }

  // For the next second, throws away what came on this descriptor: its peer was disconnected, and
  // libzmq still holds what it sent. While nothing is taken in, who comes from then on is sent away:
  // each would leave more with libzmq.
  void drop_from(int descriptor);

  // Takes nothing in until resume(): ZeroMQ and the sources hold the rest. Idempotent.
  void pause() { turns_.pause(); }
  void resume();

  // Takes in what has arrived, for at most `drain_us` and until it is `enough` (null: never), and closes. Idempotent.
  void stop(std::int64_t drain_us, const std::function<bool()>& enough);

 private:
  struct Inlet {
    explicit Inlet(zmq::context_t& context);

    zmq::socket_t socket;
    zmq::message_t frame;              // what batch is of
    std::optional<IntakeBatch> batch;  // being taken in
    ZmqSender sender;                  // whose it is
    const SenderRule rule;
    const PeerName peer;
    std::unique_ptr<ZmqMonitor> monitor;
    std::unique_ptr<ZmqWatch> watch;
    std::size_t peers = 0;  // connected to it, and addresses that are its own
  };

  void listen_and_share(const std::string& endpoint);
  Inlet& next_of_its_own();
  void on_accepted(std::size_t inlet, int descriptor);
  void on_disconnected(int descriptor);
  void steer_soon();
  void steer();

  std::size_t take_from(Inlet& inlet, std::size_t cost_max, bool& nothing_left);
  bool receive(Inlet& inlet, std::size_t& cost);
  void begin_batch(Inlet& inlet);

  asio::io_context& io_;
  zmq::context_t& context_;
  ZmqGuard& guard_;
  Intake& intake_;
  Counters& counters_;
  TakenBytes& taken_;
  std::vector<std::unique_ptr<Inlet>> inlets_;
  IntakeTurns turns_;
  std::vector<SharedPort> ports_;  // an inlet has its number at each of them
  std::unordered_map<int, std::size_t>
      inlet_of_;         // of each connection that was accepted, by descriptor
  std::size_t own_ = 0;  // addresses that an inlet has for itself
  int listening_ = -1;   // of the first inlet: where it was bound last
  std::vector<std::string> endpoints_;
  std::set<int> dropped_;  // descriptors
  std::chrono::steady_clock::time_point drop_until_;
  bool steering_ = false;  // likewise
  bool keeps_out_ = false;  // whoever connects, until it goes on
  const std::shared_ptr<void> alive_ =
      std::make_shared<char>();  // what is posted does nothing without it
};

}  // namespace bridge
