#include "app/reach.h"

#include <string_view>
#include <utility>
#include <vector>

#include "base/address.h"

namespace bridge {
namespace {

// Every endpoint of ZeroMQ, with the key that it stands under.
std::vector<std::pair<std::string, std::string>> zmq_endpoints_of(const Config& config) {
  std::vector<std::pair<std::string, std::string>> all;
  for (const std::string& endpoint : config.events.bind) all.emplace_back("events.bind", endpoint);
  for (const std::string& endpoint : config.events.connect) all.emplace_back("events.connect", endpoint);
  all.emplace_back("bots.events", config.bots.events);
  all.emplace_back("bots.commands", config.bots.commands);
  all.emplace_back("trainers.control", config.trainers.control);
  for (const std::string& entry : config.trainers.connect) {
    all.emplace_back("trainers.connect", entry.substr(entry.find('=') + 1));
  }
  return all;
}

Address listen_of(const Config& config) {
  const auto address = parse_address(config.websocket.listen);
  return address ? address.value() : Address{};
}

Failure asks_for(const std::string& key, const std::string& value, const std::string& what, const std::string& lines) {
  return Failure{key + " is \"" + value + "\", beyond loopback, " + what +
                 ". Either keep it on 127.0.0.1, or set\n" + lines +
                 "  (`ppo-bridge setup --listen HOST` makes all that is needed)"};
}

}  // namespace

bool is_any_address(const std::string& host) { return host == "0.0.0.0" || host == "::" || host == "*"; }

bool reaches_beyond_loopback(const Config& config) {
  if (!is_loopback(listen_of(config).host)) return true;
  for (const auto& [key, endpoint] : zmq_endpoints_of(config)) {
    if (is_beyond_loopback(endpoint)) return true;
  }
  return false;
}

std::optional<Failure> check_reach(const Config& config) {
  const Address listen = listen_of(config);
  if (!is_loopback(listen.host)) {
    const std::string& value = config.websocket.listen;
    if (config.tls.certificate.empty()) {
      return asks_for("websocket.listen", value, "where TLS is spoken",
                      "  tls.certificate = \"certificate.pem\"\n  tls.key = \"certificate.key\"\n");
    }
    if (config.auth.mode == "off") {
      return asks_for("websocket.listen", value, "where everybody says who he is", "  auth.mode = \"on\"\n");
    }
    if (is_any_address(listen.host) && config.websocket.hosts.empty()) {
      return asks_for("websocket.listen", value, "and stands for every address, so it must be told by which names it is asked for",
                      "  websocket.hosts = [\"bridge.example.org\"]\n");
    }
  }
  for (const auto& [key, endpoint] : zmq_endpoints_of(config)) {
    if (!is_beyond_loopback(endpoint)) continue;
    if (config.zmq.curve_key.empty()) {
      return asks_for(key, endpoint, "where CURVE is spoken", "  zmq.curve_key = \"server.key\"\n");
    }
    if (config.auth.mode == "off") {
      return asks_for(key, endpoint, "where everybody says who he is", "  auth.mode = \"on\"\n");
    }
  }
  return std::nullopt;
}

}  // namespace bridge
