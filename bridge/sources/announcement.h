// What a source says of itself: the `data` of a `_source` body (PROTOCOL section 6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bridge {

// A member of more bytes, as it was sent, is left out; and a list that is longer, as it is kept.
inline constexpr std::size_t kAnnouncedBytesMax = 64 * 1024;
inline constexpr std::size_t kCommandsJsonBytesMax = 8 * 1024;
inline constexpr std::size_t kParametersJsonBytesMax = 16 * 1024;
inline constexpr std::size_t kParametersMax = 64;
inline constexpr std::size_t kHostBytesMax = 255;

struct Announcement {
  std::uint64_t head = 0;    // its last source_seq
  std::uint64_t oldest = 0;  // the oldest that it can still give; 0 = not said
  std::vector<std::string> agents;
  std::string commands_json;    // a JSON list; empty: not said
  std::string parameters_json;  // a JSON list of objects with a name; empty: not said, or not that
  std::string host;
  std::string activity;
  std::int64_t pid = 0;
  bool repairs_any_time = false;
  std::string control;  // the address of a REP that it has bound
  std::string clock_json;  // its clock, a number's text; empty: not said
  double clock_s = 0;      // the same
  // The bridge's time as it heard it last, and its own then; 0: not said.
  double heard_at_s = 0;
  double heard_clock_s = 0;

  bool stopped() const { return activity == "stopped"; }  // nothing is on its way behind this
};

// Reads it; what it does not understand it leaves alone. REQUIRES: `data` is a valid JSON object.
Announcement read_announcement(std::string_view data);

}  // namespace bridge
