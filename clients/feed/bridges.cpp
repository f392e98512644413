#include "feed/bridges.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "feed/address.h"

namespace feed {
namespace {

// Of a bridge as it comes; one at another port has all of them as far from it.
constexpr int kEventsInPort = 5556;
constexpr int kWebSocketPort = 5178;
constexpr int kBridgePortMin = kEventsInPort - kWebSocketPort + 1;
constexpr int kBridgePortMax = 65'535 - 3;

struct Host {
  std::string name;
  int port = kEventsInPort;
};

bool is_host(std::string_view text) {
  const auto plain = [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), plain);
}

bool read_host(const std::string& text, Host& host) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  host.name = text.substr(0, colon);
  if (!is_host(host.name)) return false;
  if (colon == text.size()) return true;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, host.port);
  return error == std::errc() && stop == end && host.port >= kBridgePortMin && host.port <= kBridgePortMax;
}

Result<std::vector<Host>> hosts_of_environment() {
  const char* const value = std::getenv("PPO_BRIDGES");
  const std::string bridges = value != nullptr && *value != '\0' ? value : "127.0.0.1";
  std::vector<Host> hosts;
  for (const std::string& one : split_list(bridges)) {
    if (!read_host(one, hosts.emplace_back()) || hosts.size() > kBridgesMax) {
      return Error{"PPO_BRIDGES is '" + bridges + "'; must be HOST or HOST:PORT (" + std::to_string(kBridgePortMin) +
                   ".." + std::to_string(kBridgePortMax) + "), 1.." + std::to_string(kBridgesMax) + " with commas between"};
    }
  }
  return hosts;
}

// Beyond loopback a bridge listens with TLS only.
bool is_loopback(const std::string& host) {
  return host == "localhost" || host.rfind("127.", 0) == 0;
}

}  // namespace

std::vector<std::string> split_list(const std::string& list) {
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

Result<std::vector<std::string>> complete_urls(const std::string& list) {
  std::vector<std::string> urls;
  for (const std::string& one : split_list(list)) {
    Result<std::string> url = complete_url(one);
    if (!url) return Error{url.error()};
    urls.push_back(*url);
  }
  if (urls.size() <= kBridgesMax) return urls;
  return Error{"there are " + std::to_string(urls.size()) + " addresses; must be 1.." + std::to_string(kBridgesMax)};
}

Result<std::string> urls_of_environment() {
  const Result<std::vector<Host>> hosts = hosts_of_environment();
  if (!hosts) return Error{hosts.error()};
  std::string urls;
  for (const Host& host : *hosts) {
    urls += (urls.empty() ? "" : ",") + std::string(is_loopback(host.name) ? "ws://" : "wss://") + host.name + ":" +
            std::to_string(host.port + kWebSocketPort - kEventsInPort) + "/ws";
  }
  return urls;
}

Result<std::string> zmq_addresses_of_environment(int default_port) {
  const Result<std::vector<Host>> hosts = hosts_of_environment();
  if (!hosts) return Error{hosts.error()};
  std::string addresses;
  for (const Host& host : *hosts) {
    addresses += (addresses.empty() ? "tcp://" : ",tcp://") + host.name + ":" +
                 std::to_string(host.port + default_port - kEventsInPort);
  }
  return addresses;
}

Result<std::vector<BotAddress>> bot_addresses(const std::string& events, const std::string& commands) {
  const std::vector<std::string> each = split_list(events);
  const std::vector<std::string> asked = split_list(commands);
  if (each.size() != asked.size() || each.size() > kBridgesMax) {
    return Error{"events are " + events + " and commands " + commands + "; both must name as many bridges, 1.." +
                 std::to_string(kBridgesMax)};
  }
  std::vector<BotAddress> found;
  for (std::size_t i = 0; i < each.size(); ++i) found.push_back({each[i], asked[i]});
  return found;
}

}  // namespace feed
