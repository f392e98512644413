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

#include "net/zmq_guard.h"
#include "net/zmq_monitor.h"
#include "net/zmq_watch.h"

namespace bridge {

// Lives on the loop's thread.
class BoundTrainer {
 public:
  using OnAnswer = std::function<void(std::string_view json, const ZmqSender& sender)>;

  // Throws zmq::error_t where the endpoint cannot be connected to. Where it wants a key, that may speak for `source`.
  BoundTrainer(asio::io_context& io, zmq::context_t& context, ZmqGuard& guard, Counters& counters,
               const std::string& source, const std::string& endpoint, OnAnswer on_answer,
               std::function<void()> on_disconnected);

  // False where nobody is connected, or no more is taken.
  bool send(const std::string& json);

  const std::string& endpoint() const { return endpoint_; }
  // Whether it was let in by a key that is no longer good.
  bool has_lost_key() const;

 private:
  Turn take_turn();

  ZmqGuard& guard_;
  const std::string source_;
  const std::string endpoint_;
  const OnAnswer on_answer_;
  zmq::socket_t socket_;
  ZmqMonitor monitor_;
  ZmqWatch watch_;
};

}  // namespace bridge
