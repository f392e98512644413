// What PPO_BRIDGES and lists of addresses say of several bridges that share a log (PROTOCOL.md, section 12), to publishers and
// clients.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bridge_list {

inline constexpr std::size_t kBridgesMax = 32;

// Where a bridge takes events in and talks to clients as it comes; one at another port has all of them as far from it.
inline constexpr int kEventsPort = 5556;
inline constexpr int kWebSocketPort = 5178;
inline constexpr int kPortMin = kEventsPort - kWebSocketPort + 1;
inline constexpr int kPortMax = 65'535 - 3;

struct Host {
  std::string name;
  int port = kEventsPort;

  // Of what is at that port by default.
  std::string zmq_address(int default_port) const {
    return "tcp://" + name + ":" + std::to_string(port + default_port - kEventsPort);
  }
};

// What stands between the commas; one at least.
inline std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> found;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t comma = std::min(list.find(',', begin), list.size());
    std::string one = list.substr(begin, comma - begin);
    one.erase(0, std::min(one.find_first_not_of(' '), one.size()));
    one.erase(one.find_last_not_of(' ') + 1);
    found.push_back(std::move(one));
    begin = comma + 1;
  }
  return found;
}

// HOST or HOST:PORT.
inline std::optional<Host> read_host(const std::string& text) {
  const auto plain = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
  };
  const std::size_t colon = std::min(text.find(':'), text.size());
  Host host{text.substr(0, colon)};
  if (host.name.empty() || !std::all_of(host.name.begin(), host.name.end(), plain)) return std::nullopt;
  if (colon == text.size()) return host;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, host.port);
  if (error != std::errc() || stop != end || host.port < kPortMin || host.port > kPortMax) return std::nullopt;
  return host;
}

// $PPO_BRIDGES.
inline std::string of_environment() {
  const char* const value = std::getenv("PPO_BRIDGES");
  return value != nullptr ? value : "";
}

// The bridges of a list, or where it is empty the one on this host; none where the list is none.
inline std::vector<Host> read(const std::string& list) {
  std::vector<Host> hosts;
  for (const std::string& one : split(list.empty() ? "127.0.0.1" : list)) {
    const std::optional<Host> host = read_host(one);
    if (!host || hosts.size() >= kBridgesMax) return {};
    hosts.push_back(*host);
  }
  return hosts;
}

// Of all of them, with commas between.
inline std::string zmq_addresses(const std::vector<Host>& hosts, int default_port) {
  std::string addresses;
  for (const Host& host : hosts) addresses += (addresses.empty() ? "" : ",") + host.zmq_address(default_port);
  return addresses;
}

// What is said of a list that is none. `shown`: it, as it may be printed.
inline std::string refusal(const std::string& shown) {
  return "PPO_BRIDGES is '" + shown + "'; must be HOST or HOST:PORT (" + std::to_string(kPortMin) + ".." +
         std::to_string(kPortMax) + "), 1.." + std::to_string(kBridgesMax) + " with commas between";
}

}  // namespace bridge_list
