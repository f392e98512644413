#include "event/number_field.h"

#include <cmath>
#include <cstdio>
#include <string>

#include "base/text.h"
#include "event/json_document.h"

namespace bridge {
namespace {

std::string shown(const rapidjson::Value* value) {
  if (value == nullptr) return "missing";
  if (!value->IsDouble() || std::isfinite(value->GetDouble())) return printable(json_text(*value), 40);
  return value->GetDouble() > 0 ? "above 1.8e308" : "below -1.8e308";  // how it was written is not known any more
}

}  // namespace

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
  return {std::string(name) + " is " + shown(value) + "; must be " + std::string(rule)};
}

}  // namespace bridge
