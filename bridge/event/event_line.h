// An event's line: what goes out of it but for its stamp and its number, which it gets later and elsewhere.
//
// {"type":"trade","data":{...},"source":"trainer-1","run":"k3f9a2","source_seq":1043}
//
// Stamp and number stand behind `data`, so the outgoing form is two pieces of the line with them in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "event/envelope.h"

namespace bridge {

// A line and where its parts stand. Everything points into the line.
struct EventLine {
  std::string_view text;
  std::string_view type;
  std::string_view data;
  std::string_view source;  // empty where it names none
  std::string_view run;     // likewise
  std::uint64_t source_seq = 0;  // 0 = none

  std::string_view until_data() const {
    return text.substr(0, static_cast<std::size_t>(data.data() - text.data()) + data.size());
  }
  std::string_view behind_data() const { return text.substr(until_data().size()); }
  // With all three it is counted: PROTOCOL section 2.
  bool tracked() const { return !source.empty() && !run.empty() && source_seq != 0; }
};

// Appends the event's line. Its bytes around stamp and number are those of BlockBuilder::add().
void append_event_line(std::string& out, const Envelope& event);

// Finds a line's parts. False where it is not of append_event_line()'s form or not UTF-8. That `data` is JSON
// is not looked at: who wrote the line has done that. REQUIRES: text.size() < 2^31.
[[nodiscard]] bool read_event_line(std::string_view text, std::size_t data_bytes, EventLine* line);

}  // namespace bridge
