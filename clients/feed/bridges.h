// Which bridges there are to go to (PROTOCOL.md, section 12): lists of addresses, and what PPO_BRIDGES says.
#pragma once

#include <string>
#include <vector>

#include "feed/result.h"
#include "shared/text/bridge_list.h"

namespace feed {

using bridge_list::kBridgesMax;
inline constexpr int kBotEventsPort = 5557;
inline constexpr int kBotCommandsPort = 5558;

// Each of the URLs in full, 1..kBridgesMax of them.
Result<std::vector<std::string>> complete_urls(const std::string& list);

// The WebSocket addresses of the bridges of $PPO_BRIDGES, or the default one.
Result<std::string> urls_of_environment();

// On each of these bridges, or on this host, the ZeroMQ address of what is by default at that port.
Result<std::string> zmq_addresses_of_environment(int default_port);

// Of one bridge.
struct BotAddress {
  std::string events;
  std::string commands;
};
// Of two lists, which must be as long.
Result<std::vector<BotAddress>> bot_addresses(const std::string& events, const std::string& commands);

}  // namespace feed
