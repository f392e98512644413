// The sockets of control: commands to trainers, what they say of themselves, and their answers (PROTOCOL
// section 5).
//
// Most connect to the control ROUTER, with a DEALER. A trainer answers each request, as a REP does, but
// libzmq's handshake refuses a REP at a ROUTER. One that binds a REP is connected to.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "base/counters.h"
#include "base/memory_ledger.h"
#include "base/result.h"
#include "commands/command_router.h"
#include "net/bound_trainer.h"
#include "net/zmq_monitor.h"
#include "net/zmq_peers.h"
#include "net/zmq_watch.h"

namespace bridge {

inline constexpr std::size_t kBoundTrainersMax = 256;

// What all sockets to trainers have in common.
void set_trainer_options(zmq::socket_t& socket);

// Lives on the loop's thread.
class TrainerChannel final : public TrainerLink {
 public:
  struct Listener {
    // A connection's message: a hello or an answer.
    std::function<void(std::string_view connection, std::string_view json)> on_message;
    std::function<void(std::string_view connection)> on_disconnected;
  };

  TrainerChannel(asio::io_context& io, zmq::context_t& context, Counters& counters,
                 MemoryShare& unread, TakenBytes& taken, Listener listener);

  // Binds; "" leaves it off. A failure names the address and the reason.
  Result<bool> start(const std::string& endpoint);

  // Connects to a trainer's REP. Returns the connection's name for TrainerLink; a failure names the
  // endpoint and the reason. One that has another endpoint already is connected anew.
  Result<std::string> connect(const std::string& source, const std::string& endpoint);

  // Where it is bound; empty where it is off.
  const std::string& endpoint() const { return endpoint_; }

  bool send(const std::string& connection, const std::string& json) override;

 private:
  Turn take_turn();
  void on_disconnected(int descriptor);

  asio::io_context& io_;
  zmq::context_t& context_;
  Counters& counters_;
  MemoryShare& unread_;
  TakenBytes& taken_;
  const Listener listener_;
  zmq::socket_t socket_;
  std::string endpoint_;
  std::unique_ptr<ZmqMonitor> monitor_;
  std::unique_ptr<ZmqWatch> watch_;
  std::unordered_map<int, std::string> by_descriptor_;  // connections that have said something
  std::map<std::string, std::unique_ptr<BoundTrainer>> bound_;  // by connection
};

}  // namespace bridge
