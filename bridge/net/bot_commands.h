// Commands from bots: the ROUTER that their REQ sockets connect to (PROTOCOL section 5).
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "base/clock.h"
#include "base/counters.h"
#include "base/result.h"
#include "commands/command_dispatcher.h"
#include "net/zmq_watch.h"

namespace bridge {

// Lives on the loop's thread. References must outlive it.
class BotCommands {
 public:
  BotCommands(asio::io_context& io, zmq::context_t& context, CommandDispatcher& dispatcher,
              Counters& counters, const Clock& clock);

  // Binds; "" leaves it off. A failure names the address and the reason.
  Result<bool> start(const std::string& endpoint, std::int64_t message_bytes_max);

  // Where it is bound; empty where it is off.
  const std::string& endpoint() const { return endpoint_; }

 private:
  // Who asked, and in which envelope.
  struct Peer {
    std::string routing_id;
    bool delimiter = true;  // a REQ's; a bare DEALER has none
  };
  Turn take_turn();
  void handle(const Peer& peer, std::string_view body);
  void reply(const Peer& peer, const std::string& json);
  void refuse(const Peer& peer, ErrorType type, std::string message);

  asio::io_context& io_;
  CommandDispatcher& dispatcher_;
  Counters& counters_;
  const Clock& clock_;
  zmq::socket_t socket_;
  std::string endpoint_;
  std::unique_ptr<ZmqWatch> watch_;
  // Answers of trainers may come after the end.
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace bridge
