// The key by which a bot says over ZeroMQ who it is (CURVE), and what becomes of it.
#pragma once

#include <optional>
#include <string>
#include <zmq.hpp>

#include "feed/result.h"
#include "shared/zmq/connecting.h"

namespace feed {

using connecting::CurveKey;

// What `ppo-bridge curve create NAME` wrote to `file`, else to $PPO_CURVE_FILE; nothing without either. Fails where it
// cannot be read, others can read it, or it is no such file.
Result<std::optional<CurveKey>> find_curve_key(const std::string& file);

// Why a socket that connects does not get in, by its monitor. The socket must outlive it.
class Handshakes {
 public:
  // Before the socket connects.
  Handshakes(zmq::context_t& context, zmq::socket_t& socket);
  ~Handshakes();
  Handshakes(const Handshakes&) = delete;
  Handshakes& operator=(const Handshakes&) = delete;

  // To be waited for beside the socket.
  zmq::socket_t& monitor() { return monitor_; }
  // What the bridge has against it, by what has come so far; "" where nothing is known.
  std::string trouble(const std::optional<CurveKey>& key);

 private:
  zmq::socket_t& socket_;
  zmq::socket_t monitor_;
  int broken_ = 0;  // that ended without a word
};

}  // namespace feed
