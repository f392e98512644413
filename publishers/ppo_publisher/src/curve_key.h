// What becomes of the key by which a publisher says over ZeroMQ who it is (CURVE).
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <zmq.hpp>

#include "shared/zmq/connecting.h"

namespace ppo {

using connecting::CurveKey;

// What the monitor of a connecting socket tells of handshakes: says once what is wrong, and when to
// connect anew, which ZeroMQ does never where it was refused, and else without a pause. One thread.
class Handshakes {
 public:
  using Clock = std::chrono::steady_clock;
  using Say = std::function<void(const std::string&)>;

  Handshakes(std::string endpoint, std::optional<CurveKey> key, Say say);

  const std::optional<CurveKey>& key() const { return key_; }
  const std::string& endpoint() const { return endpoint_; }

  // The next socket connects to that one.
  void move_to(const std::string& endpoint);

  // An event of the monitor; true where it is one of connecting::kFailures.
  bool see(int event);
  // What is at the other end is no bridge, and why; it is tried again later.
  void refuse(const std::string& why);
  // A hello was said, and none was answered so far over this connection.
  void unanswered();
  // Connects anew where it is time; nothing else may have to be done with the socket then.
  void connect_again(zmq::socket_t& socket);
  // The end of time: not at all.
  Clock::time_point again_at() const { return again_at_; }

 private:
  void say(const std::string& why);

  std::string endpoint_;
  const std::optional<CurveKey> key_;
  const Say say_;
  int broken_ = 0;
  std::set<std::string> said_;  // since one succeeded
  std::optional<Clock::time_point> asked_at_;  // since one succeeded, first
  Clock::time_point again_at_ = Clock::time_point::max();
};

}  // namespace ppo
