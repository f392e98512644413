// The way to the bridge: a ZeroMQ socket that knows whether anybody is at the other end.
//
// The socket is an XPUB, which on the wire is a PUB, for two things that a PUB keeps to itself. It
// sees subscriptions, so that events can wait until somebody wants them; and with ZMQ_XPUB_NODROP
// it says EAGAIN at its high-water mark instead of dropping, so that our ring is the only place
// where events are let go, and counts them.
//
// Subscriptions alone would not tell that a bridge has gone: by default ZeroMQ keeps a connection's
// queue and its subscriptions while it reconnects. (With ZMQ_IMMEDIATE it does not, but then it
// throws the queue away, and for a moment accepts messages that go nowhere.) So a socket monitor
// tells when the connection ends; what ZeroMQ had queued then reaches the bridge that is there next, at the same address.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <zmq.hpp>

#include "curve_key.h"

namespace ppo {

// Made in one thread, then used by one other. ZeroMQ's errors leave it as zmq::error_t. A context
// has one of them, and must outlive it.
class Link {
 public:
  // Begins to connect; that goes on by itself until close(). Throws zmq::error_t when the endpoint
  // is not one that ZeroMQ takes.
  Link(zmq::context_t& context, Handshakes handshakes);

  // Ends the connection that there is, with what ZeroMQ has queued for it, and begins to connect there. Throws
  // zmq::error_t where there are no descriptors, and goes on as before then.
  void move_to(const std::string& endpoint);

  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Takes note of what happened since the last call, and clears the descriptors.
  void see_news();

  // As of see_news(): a connection is open and has a subscription that came over it.
  bool connected() const { return open_ && !topics_.empty(); }

  // Connections made so far.
  std::uint64_t connections() const { return connections_; }

  // Queues a message of two frames, or nothing of it. False when the queue is full: try again when
  // a descriptor is readable (see_news() first), or a little later, as the call itself may have
  // swallowed the signal.
  [[nodiscard]] bool try_send(std::string_view topic, std::string_view body);

  // Readable (edge-triggered) when there is news or room.
  int socket_fd() { return socket_.get(zmq::sockopt::fd); }
  int monitor_fd() { return monitor_.get(zmq::sockopt::fd); }
  // When to see_news() even if there is none.
  Handshakes::Clock::time_point next() const { return handshakes_.again_at(); }

  // Gives what is queued at most this long to leave, and returns at once; gone() is true when it
  // has, or the time is over.
  void close(int linger_ms);
  bool gone() const { return gone_; }

  // Looks for gone() no more, so that the context can end.
  void forget();

 private:
  void open(bool connect = true);
  void forget_connection();
  void refuse();
  void see_connection();
  bool flush_body();

  zmq::context_t& context_;
  Handshakes handshakes_;
  zmq::socket_t socket_;
  zmq::socket_t monitor_;
  bool open_ = false;
  bool gone_ = false;
  std::set<std::string> topics_;  // subscribed to by the present connection
  std::uint64_t connections_ = 0;
  std::string body_left_;  // of a message whose first frame is out
};

}  // namespace ppo
