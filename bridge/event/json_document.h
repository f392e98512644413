// What any socket brings, as a document: the one idea of valid JSON, for requests of clients and bots,
// trainers' answers and announcements.
#pragma once

#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include "base/result.h"

namespace bridge {

// Reads one JSON value. JsonScanner passes over the text first, so that what RapidJSON is given is
// UTF-8, has whole surrogate pairs and at most kJsonDepthMax levels: RapidJSON itself takes "\udc00",
// and walks and destroys a document by recursion. A byte order mark in front is passed over. NaN and
// infinities are not JSON here. The failure goes on behind a name: "is not JSON: at byte 3 of 10".
Result<rapidjson::Document> read_document(std::string_view text);

// A value as text. Numbers keep their value, not their spelling.
std::string json_text(const rapidjson::Value& value);

}  // namespace bridge
