// Who can reach the bridge, and what that asks of its configuration: on loopback nothing; beyond it, that everything is
// encrypted and everybody says who he is.
#pragma once

#include <optional>
#include <string>

#include "app/config.h"
#include "base/result.h"

namespace bridge {

// Whether any address, of WebSocket or ZeroMQ, is beyond loopback.
bool reaches_beyond_loopback(const Config& config);

// What is wrong with that, with the lines that would make it right; nothing where nothing is.
std::optional<Failure> check_reach(const Config& config);

// Whether this host stands for every address of the machine: 0.0.0.0, :: or ZeroMQ's *.
bool is_any_address(const std::string& host);

}  // namespace bridge
