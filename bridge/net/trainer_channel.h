// The sockets of control: commands to trainers, what they say of themselves, and their answers (PROTOCOL
// section 5).
//
// Most connect to the control ROUTER, with a DEALER. A trainer answers each request, as a REP does, but
// libzmq's handshake refuses a REP at a ROUTER. One that binds a REP is connected to.
//
// Where trainers have keys, a connection counts once it has said something, and is the key's that it said it with:
// nothing is sent to any other, whatever routing id it has taken.
#pragma once

#include <cstddef>
#include <cstdint>
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
#include "net/zmq_guard.h"
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
  // A hello or an answer.
  struct Message {
    std::string_view connection;
    std::string_view json;
    const ZmqSender& sender;
    const char* address = nullptr;  // of its peer, where that is known
    std::uint64_t since = 0;  // of two connections with keys the newer has the higher one; without keys 0
  };
  struct Listener {
    std::function<void(const Message& message)> on_message;
    std::function<void(std::string_view connection)> on_disconnected;
    std::function<bool()> has_room = {};  // whether a message may come now; none: always
  };

  TrainerChannel(asio::io_context& io, zmq::context_t& context, ZmqGuard& guard, Counters& counters,
                 MemoryShare& unread, TakenBytes& taken, Listener listener);

  // Binds; "" leaves it off. A failure names the address and the reason.
  Result<bool> start(const std::string& endpoint);

  // Connects to a trainer's REP. Returns the connection's name for TrainerLink; a failure names the
  // endpoint and the reason. One that has another endpoint already is connected anew.
  Result<std::string> connect(const std::string& source, const std::string& endpoint);

  // Where it is bound; empty where it is off.
  const std::string& endpoint() const { return endpoint_; }

  bool send(const std::string& connection, const std::string& json) override;

  // Keys may no longer be good: their connections are sent nothing more. Call about once a second.
  void check_keys();

 private:
  struct Known {
    std::shared_ptr<const Access> access;
    int descriptor = -1;
    std::uint64_t since = 0;
  };
  Turn take_turn();
  const Known* know(const std::string& connection, const ZmqSender& sender, int descriptor);
  std::unique_ptr<BoundTrainer> make_bound(const std::string& source, const std::string& endpoint);
  void on_disconnected(int descriptor);

  asio::io_context& io_;
  zmq::context_t& context_;
  ZmqGuard& guard_;
  Counters& counters_;
  MemoryShare& unread_;
  TakenBytes& taken_;
  const Listener listener_;
  zmq::socket_t socket_;
  std::string endpoint_;
  bool keys_ = false;  // that trainers have to have one at endpoint_
  std::unique_ptr<ZmqMonitor> monitor_;
  std::unique_ptr<ZmqWatch> watch_;
  std::unordered_map<std::string, Known> known_;  // with keys: who has said something, by connection
  std::uint64_t connections_ = 0;                 // that were ever in it
  std::unordered_map<int, std::string> by_descriptor_;  // connections that have said something
  std::map<std::string, std::unique_ptr<BoundTrainer>> bound_;  // by connection
};

}  // namespace bridge
