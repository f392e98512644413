// What matters in an event, by its type.
#pragma once

#include <string_view>

#include <rapidjson/document.h>

#include "ppo-client/line.h"

namespace client {

// The colour of a type; that of the unknown ones is plain.
Colour type_colour(std::string_view type);

// Adds what matters in `data` to the line. False, with nothing added, where the type is unknown or
// none of its fields is there.
bool add_details(Line& line, std::string_view type, const rapidjson::Value& data);

}  // namespace client
