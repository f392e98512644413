#include "event/request_fields.h"

#include <algorithm>
#include <cmath>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/text.h"
#include "event/json_value.h"
#include "event/number_field.h"

namespace bridge {
namespace {

using rapidjson::Value;

// Characters, not bytes: the ones that do not continue another.
std::size_t character_count(std::string_view s) {
  return static_cast<std::size_t>(std::count_if(
      s.begin(), s.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

Result<std::string> request_id(const Value& request) {
  const Value* const id = find(request, "id");
  if (id == nullptr) return std::string();
  if (id->IsUint64()) return std::to_string(id->GetUint64());
  if (id->IsInt64()) return std::to_string(id->GetInt64());
  if (id->IsString() && character_count(view(*id)) <= kNameBytesMax) return json_string(view(*id));
  return Failure{"id must be an integer or a string of at most 64 characters"};
}

Result<std::string> optional_text(const Value& request, const char* name, std::size_t bytes_max) {
  const Value* const v = find(request, name);
  if (v == nullptr) return std::string();
  if (!v->IsString() || v->GetStringLength() > bytes_max) {
    return Failure{std::string(name) + " must be a string of at most " + std::to_string(bytes_max) +
                   " bytes"};
  }
  return std::string(view(*v));
}

const Value* FieldReader::find(const char* name) const { return object_.IsObject() ? bridge::find(object_, name) : nullptr; }

std::optional<std::uint64_t> FieldReader::integer(const char* name, std::uint64_t min, std::uint64_t max) {
  const Value* const value = find(name);
  if (value == nullptr) return std::nullopt;
  const auto read = read_integer(value, where_ + name, min, max);
  if (read) return read.value();
  keep(read.error().message);
  return std::nullopt;
}

std::optional<double> FieldReader::number(const char* name, double min, double max) {
  const Value* const value = find(name);
  if (value == nullptr) return std::nullopt;
  const auto read = read_number(value, where_ + name, min, max);
  if (read) return read.value();
  keep(read.error().message);
  return std::nullopt;
}

std::optional<double> FieldReader::number(const char* name) {
  const Value* const value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->IsNumber() && std::isfinite(value->GetDouble())) return value->GetDouble();
  fail(name, "must be a number");
  return std::nullopt;
}

std::optional<bool> FieldReader::flag(const char* name) {
  const Value* const value = find(name);
  if (value == nullptr) return std::nullopt;
  if (value->IsBool()) return value->GetBool();
  fail(name, "must be true or false");
  return std::nullopt;
}

std::string FieldReader::text(const char* name, std::size_t bytes_max) {
  if (!object_.IsObject()) return {};
  auto read = optional_text(object_, name, bytes_max);
  if (read) return std::move(read.value());
  keep(where_ + read.error().message);
  return {};
}

}  // namespace bridge
