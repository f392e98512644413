// Long turns of the loops, as `get_slow_turns` and /debug/slow tell of them (PROTOCOL section 5).
#pragma once

#include <string>

#include "base/slow_turns.h"

namespace bridge {

std::string slow_turns_json(const SlowTurns& turns);

}  // namespace bridge
