#include "feed/curve_key.h"

#include <cstdlib>

namespace feed {

Result<std::optional<CurveKey>> find_curve_key(const std::string& file) {
  const char* const named = std::getenv("PPO_CURVE_FILE");
  try {
    return connecting::read_curve_key(!file.empty() ? file : named != nullptr ? named : "");
  } catch (const std::invalid_argument& error) {
    return Error{error.what()};
  }
}

Handshakes::Handshakes(zmq::context_t& context, zmq::socket_t& socket)
    : socket_(socket), monitor_(connecting::monitor(context, socket, connecting::kFailures)) {}

Handshakes::~Handshakes() { zmq_socket_monitor(socket_.handle(), nullptr, 0); }

std::string Handshakes::trouble(const std::optional<CurveKey>& key) {
  std::string found;
  while (const std::optional<int> what = connecting::next_event(monitor_)) {
    const std::string why = connecting::refusal(*what, key, broken_);
    if (!why.empty()) found = why;
  }
  return found;
}

}  // namespace feed
