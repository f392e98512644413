// What any socket brings, as a document: the one idea of valid JSON, for requests of clients and bots,
// trainers' answers and announcements.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <rapidjson/document.h>

#include "base/result.h"

namespace bridge {

// Reads one JSON value: all that JsonScanner takes, and nothing else, of at most kJsonDepthMax levels (RapidJSON walks
// and destroys a document by recursion). A byte order mark in front is passed over. NaN and infinities are not JSON
// here; a number beyond a double is an infinity, larger than any range. The failure goes on behind a name: "is not
// JSON: at byte 3 of 10".
Result<rapidjson::Document> read_document(std::string_view text);

// The same of an object, where only some members matter: the document has those that `names` names, each once (of those that
// stand there twice, the last) and none of more than `bytes_max`; null where the text is no object. `*found`: the last
// member called `as_text`, as it stands, with numbers of any size. So what else there is costs a look, and no memory.
Result<rapidjson::Document> read_members(std::string_view text, const std::vector<std::string_view>& names, std::size_t bytes_max,
                                         std::string_view as_text = {}, std::string_view* found = nullptr);

// A value as text. Numbers keep their value, not their spelling; one beyond a double is 1e308 or -1e308, so that no reader,
// however strict, is lost.
std::string json_text(const rapidjson::Value& value);

}  // namespace bridge
