// A trainer that binds a plain REP: the bridge connects to it and asks (PROTOCOL section 5).
//
// The socket is a DEALER that writes the empty frame which a REQ would: which request an answer is for the
// router knows, and a REP that dies with one leaves nothing locked.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "net/zmq_monitor.h"
#include "net/zmq_watch.h"

namespace bridge {

// Lives on the loop's thread.
class BoundTrainer {
 public:
  // Throws zmq::error_t where the endpoint cannot be connected to.
  BoundTrainer(asio::io_context& io, zmq::context_t& context, const std::string& endpoint,
               std::function<void(std::string_view json)> on_answer,
               std::function<void()> on_disconnected);

  // False where nobody is connected, or no more is taken.
  bool send(const std::string& json);

  const std::string& endpoint() const { return endpoint_; }

 private:
  Turn take_turn();

  const std::string endpoint_;
  const std::function<void(std::string_view)> on_answer_;
  zmq::socket_t socket_;
  ZmqMonitor monitor_;
  ZmqWatch watch_;
};

}  // namespace bridge
