// What get_runs, get_tags, get_series, get_tallies and set_run are asked with (PROTOCOL section 5).
#pragma once

#include <string>
#include <string_view>

#include <rapidjson/document.h>

#include "base/result.h"
#include "event/messages.h"
#include "runs/run_queries.h"

namespace bridge {

bool is_run_command(std::string_view command);

// `params` may be null (JSON) or an object; fields that are not known are ignored. REQUIRES: is_run_command().
Result<RunQuery, RequestError> parse_run_query(std::string_view command, const rapidjson::Value& params);
// The `params` of set_run that mean it.
std::string set_run_params(const RunChange& change);

}  // namespace bridge
