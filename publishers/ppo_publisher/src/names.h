// Names on the wire: what they may be, making them up, and showing what is none.
#pragma once

#include <string>
#include <string_view>

namespace ppo {

// 1-64 characters of A-Z a-z 0-9 _ . : - (a source, a run, an agent id).
bool is_name(std::string_view text);

// 1-64 characters of A-Z a-z 0-9 _ . -, not beginning with _ (an event type; those with _ in front
// are the bridge's own).
bool is_event_type(std::string_view text);

// Untrusted text for a message of ours: short and on one line.
std::string printable(std::string_view text);

// Of this machine, as it calls itself; "host" where it does not say.
std::string host_name();

// HOST-PID, with what a name may not hold replaced and the host cut to fit.
std::string made_up_source();

// Eight random characters of 0-9 a-z: a name for one start of a program.
std::string fresh_run();

}  // namespace ppo
