// The control ROUTER: commands to trainers and their answers (PROTOCOL section 5).
//
// A trainer answers each request, as a REP does, but from a DEALER: libzmq's handshake refuses a REP at
// a ROUTER, and a REP does not tell its routing id.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "base/counters.h"
#include "base/result.h"
#include "commands/command_router.h"
#include "net/zmq_watch.h"

namespace bridge {

// Lives on the loop's thread.
class TrainerChannel final : public TrainerLink {
 public:
  // Called with each answer: the trainer's routing id, which is its source name, and the JSON.
  using OnAnswer = std::function<void(std::string_view source, std::string_view json)>;

  TrainerChannel(asio::io_context& io, zmq::context_t& context, Counters& counters,
                 OnAnswer on_answer);

  // Binds; "" leaves it off. A failure names the address and the reason.
  Result<bool> start(const std::string& endpoint);

  // Where it is bound; empty where it is off.
  const std::string& endpoint() const { return endpoint_; }

  bool send(const std::string& source, const std::string& json) override;

 private:
  Turn take_turn();

  asio::io_context& io_;
  Counters& counters_;
  const OnAnswer on_answer_;
  zmq::socket_t socket_;
  std::string endpoint_;
  std::unique_ptr<ZmqWatch> watch_;
};

}  // namespace bridge
