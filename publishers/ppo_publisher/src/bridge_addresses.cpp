#include "bridge_addresses.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <string_view>

#include <ppo_publisher/publisher.h>

#include "names.h"

namespace ppo {
namespace {

constexpr int kEventsPort = 5556;
constexpr int kControlPort = 5559;
constexpr int kFirstPortMin = 379;  // where clients find the WebSocket at port 1
constexpr int kFirstPortMax = 65535 - (kControlPort - kEventsPort);

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::vector<std::string> split_list(const std::string& list) {
  std::vector<std::string> found;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t comma = std::min(list.find(',', begin), list.size());
    std::string_view one(list.data() + begin, comma - begin);
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    found.emplace_back(one);
    begin = comma + 1;
  }
  return found;
}

// HOST or HOST:PORT, as the address of what is at `port` by default. Nothing where it is neither.
std::optional<std::string> address_of(std::string_view bridge, int port) {
  const std::size_t colon = bridge.find(':');
  const std::string_view host = bridge.substr(0, colon);
  const auto plain = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
  };
  if (host.empty() || !std::all_of(host.begin(), host.end(), plain)) return std::nullopt;
  int first = kEventsPort;
  if (colon != std::string_view::npos) {
    const char* const end = bridge.data() + bridge.size();
    const auto [stop, error] = std::from_chars(bridge.data() + colon + 1, end, first);
    if (error != std::errc() || stop != end || first < kFirstPortMin || first > kFirstPortMax) return std::nullopt;
  }
  return "tcp://" + std::string(host) + ":" + std::to_string(first + port - kEventsPort);
}

// Those of $PPO_BRIDGES, or the one on this host; empty where that is none.
std::string addresses_at(int port) {
  const std::string bridges = variable("PPO_BRIDGES");
  std::string addresses;
  const std::vector<std::string> hosts = split_list(bridges.empty() ? "127.0.0.1" : bridges);
  for (const std::string& host : hosts) {
    const auto address = address_of(host, port);
    if (!address || hosts.size() > kBridgesMax) return {};
    addresses += (addresses.empty() ? "" : ",") + *address;
  }
  return addresses;
}

std::string default_control() {
  return *address_of("127.0.0.1", kControlPort);
}

}  // namespace

std::string events_address() {
  const std::string address = variable("PPO_EVENTS_ADDRESS");
  return address.empty() ? addresses_at(kEventsPort) : address;
}

std::string control_address() {
  const char* const address = std::getenv("PPO_CONTROL_ADDRESS");
  if (address != nullptr) return address;
  return variable("PPO_EVENTS_ADDRESS").empty() ? addresses_at(kControlPort) : default_control();
}

std::string bad_bridges() {
  if (!addresses_at(kEventsPort).empty()) return {};
  return "PPO_BRIDGES is '" + printable(variable("PPO_BRIDGES")) +
         "'; must be HOST or HOST:PORT (" + std::to_string(kFirstPortMin) + ".." + std::to_string(kFirstPortMax) +
         "), 1.." + std::to_string(kBridgesMax) + " with commas between";
}

std::string control_beside(const std::string& endpoint, const std::string& control) {
  const bool left_out = std::getenv("PPO_CONTROL_ADDRESS") == nullptr && control == control_address();
  return left_out && endpoint != events_address() ? default_control() : control;
}

std::vector<BridgeAddress> bridge_addresses(const std::string& endpoint, const std::string& control) {
  const std::vector<std::string> events = split_list(endpoint);
  const std::vector<std::string> controls = split_list(control);
  if (events.size() > kBridgesMax) {
    throw std::invalid_argument("endpoint names " + std::to_string(events.size()) + " bridges; must be 1.." +
                                std::to_string(kBridgesMax));
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
