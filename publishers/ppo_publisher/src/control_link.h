// The connection to the bridge's control socket.
//
// Hellos, requests and replies are a body behind an empty frame. The socket is a DEALER, which says
// who it is before it is asked, and can answer the second request before the first, so that a slow
// handler holds up nobody.
//
// Each connection has a socket of its own. An answer to a bridge that has gone must not reach the
// next one, which may use the same ids; ZeroMQ would keep it and send it there.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "curve_key.h"

namespace ppo {

// Made in one thread, then used by one other. ZeroMQ's errors leave it as zmq::error_t. A context
// has one of them, and must outlive it.
class ControlLink {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Got { kRequest, kMalformed, kNothing };

  // Begins to connect; that goes on by itself until close(). Throws zmq::error_t when the endpoint
  // is not one that ZeroMQ takes.
  ControlLink(zmq::context_t& context, Handshakes handshakes);

  ControlLink(const ControlLink&) = delete;
  ControlLink& operator=(const ControlLink&) = delete;

  // To be waited for: readable where there are requests, and where there is news. Null between two
  // connections; the next one is made, or tried again, at reopens_at(), the end of time otherwise.
  void* socket() { return socket_.handle(); }
  void* monitor() { return monitor_.handle(); }
  Clock::time_point reopens_at() const {
    return socket_.handle() != nullptr ? handshakes_.again_at() : reopen_at_;
  }

  // Takes note of connections made and lost.
  void see_news();

  // Ends the connection that there is, and begins to connect there.
  void move_to(const std::string& endpoint);

  bool connected() const { return connected_; }
  // Which connection this is, from 1; the next one has another number.
  std::uint64_t connection() const { return connection_; }

  // The next request's body. What does not have the form of a request is malformed. There is none
  // before the bridge has heard who this is, so connected() is true.
  Got receive(std::string& body);

  // False where the bridge does not read and ZeroMQ's queue is full.
  [[nodiscard]] bool try_send(std::string_view body);

  // See Handshakes.
  void unanswered() { handshakes_.unanswered(); }

  // Gives what is queued at most this long to leave, for which the context's end waits.
  void close(int linger_ms);

 private:
  void open();
  void abandon();
  void reopen();

  Handshakes handshakes_;
  zmq::context_t& context_;
  zmq::socket_t socket_;  // closed, like the monitor, between two connections
  zmq::socket_t monitor_;
  std::uint64_t connection_ = 1;
  bool connected_ = false;
  Clock::time_point reopen_at_;
};

}  // namespace ppo
