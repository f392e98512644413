// Names on the wire: what they may be, and making them up.
#pragma once

#include <string>
#include <string_view>

namespace ppo {

// 1-64 characters of A-Z a-z 0-9 _ . : - (a source, a run, an agent id).
bool is_name(std::string_view text);

// 1-64 characters of A-Z a-z 0-9 _ . -, not beginning with _ (an event type; those with _ in front
// are the bridge's own).
bool is_event_type(std::string_view text);

// HOST-PID, with what a name may not hold replaced and the host cut to fit.
std::string made_up_source();

// Eight random characters of 0-9 a-z: a name for one start of a program.
std::string fresh_run();

}  // namespace ppo
