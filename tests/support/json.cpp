#include "json.h"

#include <rapidjson/error/en.h>
#include <rapidjson/pointer.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <stdexcept>
#include <utility>

namespace testing_support {

Json::Json(std::string text) : text_(std::move(text)) {
  document_.Parse<rapidjson::kParseFullPrecisionFlag>(text_.data(), text_.size());
  if (document_.HasParseError()) {
    throw std::runtime_error(std::string(rapidjson::GetParseError_En(document_.GetParseError())) +
                             " at byte " + std::to_string(document_.GetErrorOffset()) +
                             " of: " + text_);
  }
}

const rapidjson::Value* Json::find(std::string_view pointer) const {
  const rapidjson::Pointer parsed(pointer.data(), pointer.size());
  if (!parsed.IsValid()) {
    throw std::runtime_error("not a JSON pointer: " + std::string(pointer));
  }
  return parsed.Get(document_);
}

const rapidjson::Value& Json::at(std::string_view pointer, const char* wanted) const {
  const rapidjson::Value* value = find(pointer);
  if (value != nullptr) {
    const std::string_view kind(wanted);
    if (kind == "value" || (kind == "string" && value->IsString()) ||
        (kind == "integer" && value->IsInt64()) || (kind == "number" && value->IsNumber()) ||
        (kind == "boolean" && value->IsBool()) ||
        (kind == "object or array" && (value->IsObject() || value->IsArray()))) {
      return *value;
    }
  }
  throw std::runtime_error("no " + std::string(wanted) + " at '" + std::string(pointer) +
                           "' of: " + text_);
}

std::string Json::string(std::string_view pointer) const {
  const rapidjson::Value& value = at(pointer, "string");
  return {value.GetString(), value.GetStringLength()};
}

std::int64_t Json::integer(std::string_view pointer) const {
  return at(pointer, "integer").GetInt64();
}

double Json::number(std::string_view pointer) const {
  return at(pointer, "number").GetDouble();
}

bool Json::boolean(std::string_view pointer) const {
  return at(pointer, "boolean").GetBool();
}

std::size_t Json::size(std::string_view pointer) const {
  const rapidjson::Value& value = at(pointer, "object or array");
  return value.IsObject() ? value.MemberCount() : value.Size();
}

std::string Json::dump(std::string_view pointer) const {
  rapidjson::StringBuffer out;
  rapidjson::Writer<rapidjson::StringBuffer> writer(out);
  at(pointer, "value").Accept(writer);
  return {out.GetString(), out.GetSize()};
}

std::string json_quoted(std::string_view text) {
  rapidjson::StringBuffer out;
  rapidjson::Writer<rapidjson::StringBuffer> writer(out);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return {out.GetString(), out.GetSize()};
}

}  // namespace testing_support
