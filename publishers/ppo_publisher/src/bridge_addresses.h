// Which bridges there are to go to (PROTOCOL.md, section 12): what options and environment say.
#pragma once

#include <string>
#include <vector>

namespace ppo {

struct BridgeAddress {
  std::string events;
  std::string control;  // empty: none
};

// `endpoint`: an address, or several with commas between; `control` as many, or empty. Throws std::invalid_argument,
// which says what is wrong.
std::vector<BridgeAddress> bridge_addresses(const std::string& endpoint, const std::string& control);

// What is wrong with $PPO_BRIDGES; empty where nothing is. Then events_address() is empty.
std::string bad_bridges();

// `control`, or the default where both say that `endpoint` was given and `control` left out: it is not of another bridge.
std::string control_beside(const std::string& endpoint, const std::string& control);

}  // namespace ppo
