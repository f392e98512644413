#include "bridge_addresses.h"

#include <cstdlib>
#include <stdexcept>

#include <ppo_publisher/publisher.h>

#include "names.h"
#include "shared/text/bridge_list.h"

namespace ppo {
namespace {

constexpr int kControlPort = 5559;

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

// Those of $PPO_BRIDGES, or the one on this host; empty where that is none.
std::string addresses_at(int port) {
  return bridge_list::zmq_addresses(bridge_list::read(bridge_list::of_environment()), port);
}

std::string default_control() {
  return bridge_list::Host{"127.0.0.1"}.zmq_address(kControlPort);
}

}  // namespace

std::string events_address() {
  const std::string address = variable("PPO_EVENTS_ADDRESS");
  return address.empty() ? addresses_at(bridge_list::kEventsPort) : address;
}

std::string control_address() {
  const char* const address = std::getenv("PPO_CONTROL_ADDRESS");
  if (address != nullptr) return address;
  return variable("PPO_EVENTS_ADDRESS").empty() ? addresses_at(kControlPort) : default_control();
}

std::string bad_bridges() {
  if (!addresses_at(bridge_list::kEventsPort).empty()) return {};
  return bridge_list::refusal(printable(bridge_list::of_environment()));
}

std::string control_beside(const std::string& endpoint, const std::string& control) {
  const bool left_out = std::getenv("PPO_CONTROL_ADDRESS") == nullptr && control == control_address();
  return left_out && endpoint != events_address() ? default_control() : control;
}

std::vector<BridgeAddress> bridge_addresses(const std::string& endpoint, const std::string& control) {
  const std::vector<std::string> events = bridge_list::split(endpoint);
  const std::vector<std::string> controls = bridge_list::split(control);
  if (events.size() > bridge_list::kBridgesMax) {
    throw std::invalid_argument("endpoint names " + std::to_string(events.size()) + " bridges; must be 1.." +
                                std::to_string(bridge_list::kBridgesMax));
  }
  if (!control.empty() && controls.size() != events.size()) {
    throw std::invalid_argument("control is " + printable(control) + " and endpoint " + printable(endpoint) +
                                "; both must name as many bridges");
  }
  std::vector<BridgeAddress> found;
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (events[i].empty() || (!control.empty() && controls[i].empty())) {
      throw std::invalid_argument("endpoint is " + printable(endpoint) + " and control " + printable(control) +
                                  "; must be ZeroMQ addresses with commas between");
    }
    found.push_back({events[i], control.empty() ? "" : controls[i]});
  }
  return found;
}

}  // namespace ppo
