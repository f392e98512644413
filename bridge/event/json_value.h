// Short words for RapidJSON's values.
#pragma once

#include <string_view>

#include <rapidjson/document.h>

namespace bridge {

// REQUIRES: v is a string. Valid while v is.
inline std::string_view view(const rapidjson::Value& v) {
  return {v.GetString(), v.GetStringLength()};
}

// The member of that name; null where there is none, or where it is null, which means the same.
// REQUIRES: object is an object.
inline const rapidjson::Value* find(const rapidjson::Value& object, const char* name) {
  const auto it = object.FindMember(name);
  return it == object.MemberEnd() || it->value.IsNull() ? nullptr : &it->value;
}

}  // namespace bridge
