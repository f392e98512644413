// The bridge's events over ZeroMQ, and whether they can be relied upon.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>
#include <zmq.hpp>

namespace bot {

// A SUB socket that knows when its connection is cut. ZeroMQ connects again by itself and says
// nothing of what was missed, so its monitor is read along, and after a cut the socket is made
// anew: what its queue still holds cannot be told from what a restarted bridge sends.
// One thread; `context` must outlive it.
class EventSocket {
 public:
  // Begins to connect. Throws zmq::error_t where `endpoint` is no address.
  EventSocket(zmq::context_t& context, std::string endpoint, std::vector<std::string> topics);
  ~EventSocket() { close(); }
  EventSocket(const EventSocket&) = delete;
  EventSocket& operator=(const EventSocket&) = delete;

  // Returns when there is something to receive or the connection changed; at most after `wait`.
  void wait(std::chrono::milliseconds wait);

  // The last frame of the next message, if one has arrived; all messages that this returns between
  // two cuts are of one connection.
  std::optional<std::string> receive();

  // As of the last call of wait(), receive() or watch().
  bool connected() const { return connected_; }
  // Connections that were lost.
  std::uint64_t cuts() const { return cuts_; }

  // Takes in what happened to the connection.
  void watch();

 private:
  void open();
  void close();

  zmq::context_t& context_;
  const std::string endpoint_;
  const std::vector<std::string> topics_;
  zmq::socket_t socket_;
  zmq::socket_t monitor_;
  std::uint64_t opened_ = 0;
  bool connected_ = false;
  std::uint64_t cuts_ = 0;
};

}  // namespace bot
