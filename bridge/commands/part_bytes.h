// What a command takes while it waits for one trainer's answer, with who waits for that.
#pragma once

#include <cstddef>

#include "commands/command.h"

namespace bridge {

inline std::size_t part_bytes(const Command& command) { return 1024 + command.params_json.size(); }

}  // namespace bridge
