#include "feed/bridges.h"

#include "feed/address.h"

namespace feed {
namespace {

using bridge_list::Host;

Result<std::vector<Host>> hosts_of_environment() {
  const std::string list = bridge_list::of_environment();
  std::vector<Host> hosts = bridge_list::read(list);
  if (hosts.empty()) return Error{bridge_list::refusal(list)};
  return hosts;
}

// Beyond loopback a bridge listens with TLS only.
bool is_loopback(const std::string& host) {
  return host == "localhost" || host.rfind("127.", 0) == 0;
}

}  // namespace

Result<std::vector<std::string>> complete_urls(const std::string& list) {
  std::vector<std::string> urls;
  for (const std::string& one : bridge_list::split(list)) {
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
            std::to_string(host.port + bridge_list::kWebSocketPort - bridge_list::kEventsPort) + "/ws";
  }
  return urls;
}

Result<std::string> zmq_addresses_of_environment(int default_port) {
  const Result<std::vector<Host>> hosts = hosts_of_environment();
  if (!hosts) return Error{hosts.error()};
  return bridge_list::zmq_addresses(*hosts, default_port);
}

Result<std::vector<BotAddress>> bot_addresses(const std::string& events, const std::string& commands) {
  const std::vector<std::string> each = bridge_list::split(events);
  const std::vector<std::string> asked = bridge_list::split(commands);
  if (each.size() != asked.size() || each.size() > kBridgesMax) {
    return Error{"events are " + events + " and commands " + commands + "; both must name as many bridges, 1.." +
                 std::to_string(kBridgesMax)};
  }
  std::vector<BotAddress> found;
  for (std::size_t i = 0; i < each.size(); ++i) found.push_back({each[i], asked[i]});
  return found;
}

}  // namespace feed
