#include "trainer/commands/command_params.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "event/json_reader.h"

namespace trainer {
namespace {

constexpr std::size_t kShownMax = 80;

std::string shown(const rapidjson::Value& value) {
  rapidjson::StringBuffer text;
  rapidjson::Writer<rapidjson::StringBuffer> writer(text);
  value.Accept(writer);
  if (text.GetSize() <= kShownMax) return {text.GetString(), text.GetSize()};
  return "too long to show";
}

template <class Number>
std::string range_text(Number min, Number max) {
  std::ostringstream text;
  text << min << ".." << max;
  return text.str();
}

}  // namespace

CommandParams::CommandParams(const std::string& json) {
  if (auto document = bridge::build_document(json, bridge::Beyond::refused)) document_ = std::move(*document);
  if (document_.IsObject()) return;
  document_.SetObject();
  complaint_ = "params must be an object";
}

bool CommandParams::has(const char* key) {
  asked_.emplace_back(key);
  const auto found = document_.FindMember(key);
  return found != document_.MemberEnd() && !found->value.IsNull();
}

const rapidjson::Value* CommandParams::find(const char* key, const std::string& range) {
  if (has(key)) return &document_[key];
  complain(key, "missing", range);
  return nullptr;
}

void CommandParams::complain(const char* key, const std::string& value, const std::string& range) {
  if (complaint_.empty()) complaint_ = std::string(key) + " is " + value + "; must be " + range;
}

std::string CommandParams::text(const char* key) {
  const rapidjson::Value* value = find(key, "a string");
  if (value == nullptr) return {};
  if (value->IsString()) return {value->GetString(), value->GetStringLength()};
  complain(key, shown(*value), "a string");
  return {};
}

std::string CommandParams::one_of(const char* key, std::initializer_list<std::string_view> values) {
  std::string range;
  for (const std::string_view value : values) {
    if (!range.empty()) range += value == *(values.end() - 1) ? " or " : ", ";
    range += value;
  }
  const rapidjson::Value* value = find(key, range);
  if (value == nullptr) return {};
  if (value->IsString()) {
    const std::string text(value->GetString(), value->GetStringLength());
    if (std::find(values.begin(), values.end(), text) != values.end()) return text;
  }
  complain(key, shown(*value), range);
  return {};
}

std::int64_t CommandParams::integer(const char* key, std::int64_t min, std::int64_t max) {
  const std::string range = "an integer " + range_text(min, max);
  const rapidjson::Value* value = find(key, range);
  if (value == nullptr) return min;
  if (value->IsInt64() && value->GetInt64() >= min && value->GetInt64() <= max) {
    return value->GetInt64();
  }
  complain(key, shown(*value), range);
  return min;
}

double CommandParams::real(const char* key, const std::string& range) {
  const rapidjson::Value* value = find(key, range);
  if (value == nullptr) return 0.0;
  if (value->IsNumber()) return value->GetDouble();
  complain(key, shown(*value), range);
  return 0.0;
}

double CommandParams::number(const char* key, double min, double max) {
  const std::string range = range_text(min, max);
  const double value = real(key, range);
  if (complaint_.empty() && !(value >= min && value <= max)) {
    complain(key, shown(document_[key]), range);
  }
  return value;
}

double CommandParams::number_above(const char* key, double min, double max) {
  const std::string range = "above " + range_text(min, max);
  const double value = real(key, range);
  if (complaint_.empty() && !(value > min && value <= max)) {
    complain(key, shown(document_[key]), range);
  }
  return value;
}

std::string CommandParams::complaint() {
  if (!complaint_.empty()) return complaint_;
  for (const auto& member : document_.GetObject()) {
    const std::string key(member.name.GetString(), member.name.GetStringLength());
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    std::string known;
    for (const std::string& asked : asked_) {
      if (known.find(asked) == std::string::npos) known += (known.empty() ? "" : ", ") + asked;
    }
    const std::string what = key.size() <= kShownMax ? "'" + key + "'" : "of a long name";
    complaint_ = "the parameter " + what + " is not known; " +
                 (known.empty() ? "there are none" : "there are " + known);
    break;
  }
  return complaint_;
}

}  // namespace trainer
