// Messages as an event stream has them (WHATWG HTML section 9.2.5): lines of `id:`, `event:` and `data:`, an empty one
// behind each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bridge {

// The line that tells how far a client has come, without its end: "id: EPOCH:SEQ".
std::string stream_position(std::string_view epoch, std::uint64_t seq);

// Appends an event, with its position.
void append_stream_event(std::string& out, std::string_view epoch, std::uint64_t seq, std::string_view json);

// What is said besides: a gap message as any event, a reply under the name `reply`, by which who reads events alone is
// not bothered.
std::string stream_message(std::string_view json);

// The JSON text of one that stream_message() made.
std::string_view stream_payload(std::string_view message);

}  // namespace bridge
