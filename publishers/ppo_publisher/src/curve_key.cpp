#include "curve_key.h"

#include <utility>

namespace ppo {
namespace {

constexpr std::chrono::seconds kAgain{5};

}  // namespace

Handshakes::Handshakes(std::string endpoint, std::optional<CurveKey> key, Say say)
    : endpoint_(std::move(endpoint)), key_(std::move(key)), say_(std::move(say)) {}

bool Handshakes::see(int event) {
  if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
    broken_ = 0;
    said_.clear();
    again_at_ = Clock::time_point::max();
  }
  const std::string why = connecting::refusal(event, key_, broken_);
  if (!why.empty()) {
    again_at_ = Clock::now() + kAgain;
    const std::string text = "the bridge at " + endpoint_ + " " + why + "; events wait, it is tried again";
    if (said_.insert(text).second && say_) say_(text);
  }
  return (event & connecting::kFailures) != 0;
}

void Handshakes::move_to(const std::string& endpoint) {
  endpoint_ = endpoint;
  broken_ = 0;
  again_at_ = Clock::time_point::max();
}

void Handshakes::connect_again(zmq::socket_t& socket) {
  if (again_at_ == Clock::time_point::max()) return;
  try {
    socket.disconnect(endpoint_);
  } catch (const zmq::error_t&) {
    // ZeroMQ had given it up already.
  }
  if (Clock::now() < again_at_) return;
  again_at_ = Clock::time_point::max();
  connecting::connect(socket, endpoint_);
}

}  // namespace ppo
