// Names on the wire: what they may be, making them up, and showing what is none.
#pragma once

#include <string>
#include <string_view>

namespace ppo {

// A source, a run, an agent id.
inline constexpr std::string_view kNameRange = "1-64 of A-Z a-z 0-9 _ . : -";
bool is_name(std::string_view text);

// An event type, or a command; those with _ in front are the bridge's own.
inline constexpr std::string_view kTypeRange = "1-64 of A-Z a-z 0-9 _ . -, not beginning with _";
bool is_event_type(std::string_view text);

// Untrusted text for a message of ours: short and on one line.
std::string printable(std::string_view text);

// Of this machine, as it calls itself; "host" where it does not say.
std::string host_name();

// Of this program, as a user would call it.
std::string program_name();

// HOST-PROGRAM-xxxxxx, with what a name may not hold replaced: the same for as long as the process
// runs, and another one in a child. While it is in use the next one has -2 behind it, and so on.
std::string made_up_source();
// It is in use no more. One that was not made up is passed over.
void give_back_source(const std::string& source) noexcept;

// Eight random characters of 0-9 a-z: a name for one start of a program.
std::string fresh_run();

}  // namespace ppo
