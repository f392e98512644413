#include "event/number_field.h"

#include <cstdio>
#include <string>

#include "base/text.h"
#include "event/json_document.h"

namespace bridge {

Result<std::uint64_t> read_integer(const rapidjson::Value* value, std::string_view name,
                                   std::uint64_t min, std::uint64_t max) {
  if (value != nullptr && value->IsUint64() && value->GetUint64() >= min &&
      value->GetUint64() <= max) {
    return value->GetUint64();
  }
  return wrong_number(value, name, "an integer " + std::to_string(min) + ".." + std::to_string(max));
}

Result<double> read_number(const rapidjson::Value* value, std::string_view name, double min,
                           double max) {
  if (value != nullptr && value->IsNumber() && value->GetDouble() >= min &&
      value->GetDouble() <= max) {
    return value->GetDouble();
  }
  char range[64];
  std::snprintf(range, sizeof range, "a number %.15g..%.15g", min, max);
  return wrong_number(value, name, range);
}

Failure wrong_number(const rapidjson::Value* value, std::string_view name, std::string_view rule) {
  return {std::string(name) + " is " +
          (value == nullptr ? "missing" : printable(json_text(*value), 40)) + "; must be " +
          std::string(rule)};
}

}  // namespace bridge
