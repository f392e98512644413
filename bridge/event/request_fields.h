// Fields that requests of clients and of bots have in common (PROTOCOL section 4).
#pragma once

#include <cstddef>
#include <string>

#include <rapidjson/document.h>

#include "base/result.h"

namespace bridge {

// The `id` of a request as JSON text, to be repeated; empty where there is none.
Result<std::string> request_id(const rapidjson::Value& request);

// An optional string field: absent and null are "". Fails where it is something else or longer than
// `bytes_max`.
Result<std::string> optional_text(const rapidjson::Value& request, const char* name,
                                  std::size_t bytes_max);

}  // namespace bridge
