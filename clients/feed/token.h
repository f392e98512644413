// Where a program finds the token by which it says who it is.
#pragma once

#include <optional>
#include <string>

#include "feed/result.h"

namespace feed {

// In this order: `file` (of a flag), $PPO_TOKEN (or its older name, $PPO_BRIDGE_TOKEN), the file $PPO_TOKEN_FILE, ~/.config/ppo-bridge/token; "" where none
// of them is there. A token is never a flag's value, which everybody on the machine can see. Fails where a file that
// was named cannot be read, where one can be read by others, and where what is found is no one line of at most 4 KiB.
Result<std::string> find_token(const std::string& file);

// Why no token is said to that address: others on the way would read it. Nothing where it is encrypted (wss://) or does not
// leave this machine, or $PPO_INSECURE is 1.
std::optional<std::string> token_trouble(const std::string& address);

}  // namespace feed
