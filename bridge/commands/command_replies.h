// What whoever asked for a command is told (the wire contract, section 5).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "commands/command_router.h"

namespace bridge {

// To a command of the bridge's own. `began_us`: by the steady clock.
std::string own_reply(std::string_view name, std::string result_json, const std::string& id_json, std::int64_t began_us,
                      const Clock& clock);

// Whether what trainers answered is told as an error.
bool failed(const CommandOutcome& outcome);
// To a command for trainers.
std::string routed_reply(const Command& command, const CommandOutcome& outcome, const std::string& id_json, const Clock& clock);

}  // namespace bridge
