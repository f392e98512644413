// Writing a JSON object as text.
#pragma once

#include <string>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace trainer {

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

// The text of the object whose members `fill(json)` writes.
template <class Fill>
std::string json_object(Fill&& fill) {
  rapidjson::StringBuffer text;
  Json json(text);
  json.StartObject();
  fill(json);
  json.EndObject();
  return {text.GetString(), text.GetSize()};
}

}  // namespace trainer
