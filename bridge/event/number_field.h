// The one place that reads a number of a request, with its range.
#pragma once

#include <cstdint>
#include <string_view>

#include <rapidjson/document.h>

#include "base/result.h"

namespace bridge {

// The largest position or count that is taken from outside. The sum of two is no larger than a
// std::uint64_t holds.
inline constexpr std::uint64_t kIntegerMax = INT64_MAX;

// `value` is null where the field is missing. A failure names the field, its value and the range:
// "params.count is -1; must be an integer 0..10000".
Result<std::uint64_t> read_integer(const rapidjson::Value* value, std::string_view name,
                                   std::uint64_t min, std::uint64_t max);
Result<double> read_number(const rapidjson::Value* value, std::string_view name, double min,
                           double max);

// Such a failure of a rule that is more than a range.
Failure wrong_number(const rapidjson::Value* value, std::string_view name, std::string_view rule);

}  // namespace bridge
