// The results of the bridge's own commands as readable tables.
#pragma once

#include <string>

#include <rapidjson/document.h>

#include "ppo-client/line.h"

namespace client {

// Any JSON value: single values as "name  value", lists of objects as tables, objects as indented
// sections. It needs no knowledge of which fields a result has; the ends of names tell units
// (_bytes, _s, _ms). Ends with a line break.
std::string report(const rapidjson::Value& result, const Style& style);

}  // namespace client
