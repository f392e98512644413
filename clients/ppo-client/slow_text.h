// What held the bridge up, as `ppo-client slow` shows it.
#pragma once

#include <string>
#include <string_view>

#include "ppo-client/line.h"

namespace client {

// The result of get_slow_turns, a few lines a turn.
std::string slow_text(std::string_view result, const Style& style);

}  // namespace client
