#include "event/request_fields.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/text.h"
#include "event/json_value.h"

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

}  // namespace bridge
