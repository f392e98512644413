// JSON texts made fit for a terminal without touching a digit.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <rapidjson/document.h>

namespace client {

// Without spaces between tokens, on one line. Characters that could steer a terminal become \u
// escapes, which mean the same in JSON. REQUIRES: feed::json::valid(text)
std::string compact(std::string_view text);

// The same over several lines, two spaces a level.
std::string pretty(std::string_view text);

// On one line, otherwise byte for byte: a line break in JSON is only ever a space between tokens.
// On a terminal also with escapes as compact() has them. REQUIRES: feed::json::valid(text)
std::string one_line(std::string_view text, bool terminal = false);

// A value as a field of CSV: a text as it is, anything else as JSON; quoted where a comma, a quote or a line break would be
// taken for the table's. REQUIRES: feed::json::valid(value), or it is empty
std::string csv_field(std::string_view value);

// The tree of a text; nothing where it is not valid or nested so deeply that walking it is no good
// idea. A number beyond a double is an infinity: events may hold one.
std::optional<rapidjson::Document> parse(std::string_view text);

// A member of an object, or nullptr: absent, or `value` is no object.
const rapidjson::Value* find(const rapidjson::Value& value, const char* key);

// What a JSON string says; empty for anything else, nullptr included.
std::string string_of(const rapidjson::Value* value);

// A value back as text, on one line.
std::string to_text(const rapidjson::Value& value);

}  // namespace client
