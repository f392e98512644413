// What any socket brings, as a document: the one idea of valid JSON, for requests of clients and bots,
// trainers' answers and announcements.
#pragma once

#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include "base/result.h"

namespace bridge {

// Reads one JSON value: all that JsonScanner takes, and nothing else, of at most kJsonDepthMax levels (RapidJSON walks
// and destroys a document by recursion). A byte order mark in front is passed over. NaN and infinities are not JSON
// here; a number beyond a double is an infinity, larger than any range. The failure goes on behind a name: "is not
// JSON: at byte 3 of 10".
Result<rapidjson::Document> read_document(std::string_view text);

// A value as text. Numbers keep their value, not their spelling; one beyond a double stays beyond it.
std::string json_text(const rapidjson::Value& value);

}  // namespace bridge
