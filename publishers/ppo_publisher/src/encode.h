// The typed events as JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <ppo_publisher/events.h>
#include <ppo_publisher/value.h>

namespace ppo {

// Appends `text` as a JSON string with its quotes (RFC 8259 section 7). Each byte that belongs to
// no well-formed UTF-8 character becomes U+FFFD.
void append_json_string(std::string& out, std::string_view text);

// Appends the shortest text that reads back as the same double, always with a point or an exponent
// (so that typed readers see a float); or NaN, Infinity, -Infinity.
void append_double(std::string& out, double value);

void append_object(std::string& out, const Field* fields, std::size_t count);

void append_integer(std::string& out, std::int64_t value);

// Appends a JSON object's text with line breaks between its tokens as spaces; false when it is
// none.
[[nodiscard]] bool append_json_object(std::string& out, std::string_view text);

}  // namespace ppo
