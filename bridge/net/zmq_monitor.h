// Tells when a connection of a ZeroMQ socket has ended, and counts handshakes that failed.
#pragma once

#include <functional>
#include <string>

#include <asio/io_context.hpp>
#include <zmq.hpp>

#include "base/counters.h"
#include "net/zmq_watch.h"

namespace bridge {

// Lives on the loop's thread. The socket must outlive it.
class ZmqMonitor {
 public:
  // `on_disconnected` is called with the descriptor that the connection had (what ZMQ_SRCFD says of
  // its messages); the others, where they are not null, with that of one that was accepted and of
  // one that listens.
  ZmqMonitor(asio::io_context& io, zmq::context_t& context, zmq::socket_t& socket,
             Counters& counters, std::function<void(int descriptor)> on_disconnected,
             std::function<void(int descriptor)> on_accepted = nullptr,
             std::function<void(int descriptor)> on_listening = nullptr);
  ~ZmqMonitor();

  // Tells now of what has ended. Call when a message has come and before it is looked at: a
  // descriptor that is used again was closed before.
  void catch_up() { (void)take_turn(); }

 private:
  Turn take_turn();

  Counters& counters_;
  zmq::socket_t& socket_;
  zmq::socket_t events_;
  const std::function<void(int)> on_disconnected_, on_accepted_, on_listening_;
  std::unique_ptr<ZmqWatch> watch_;
};

}  // namespace bridge
