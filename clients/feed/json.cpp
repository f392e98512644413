#include "feed/json.h"

#include <charconv>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "base/limits.h"
#include "event/json_scanner.h"

namespace feed::json {
namespace {

// An event has at most 64 levels, and stands in few of a message.
constexpr int kDepthMax = 100;
constexpr int kOutermost = bridge::kJsonDepthMax - kDepthMax + 1;
static_assert(kOutermost >= bridge::kDepthMin);

}  // namespace

bool valid(std::string_view text) {
  bridge::JsonScanner scan(text);
  return scan.value(kOutermost) && scan.at_end();
}

void for_each_member(std::string_view object,
                     const std::function<void(std::string_view, std::string_view)>& use) {
  bridge::for_each_member(
      object, [&use](const bridge::JsonString& key, std::string_view value) { return use(key.raw, value), true; }, nullptr,
      kOutermost + 1);
}

void for_each_element(std::string_view array, const std::function<void(std::string_view)>& use) {
  bridge::for_each_element(array, use, nullptr, kOutermost + 1);
}

std::string_view member(std::string_view object, std::string_view key) {
  std::string_view found;
  for_each_member(object, [&](std::string_view name, std::string_view value) {
    if (found.empty() && name == key) found = value;
  });
  return found;
}

std::optional<std::uint64_t> as_u64(std::string_view value) {
  std::uint64_t number = 0;
  const char* end = value.data() + value.size();
  const auto [stop, ec] = std::from_chars(value.data(), end, number);
  if (value.empty() || ec != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<std::string> as_string(std::string_view value) {
  if (value.size() < 2 || value.front() != '"') return std::nullopt;
  std::string text;
  bridge::append_decoded(text, value.substr(1, value.size() - 2));
  return text;
}

std::string quote(std::string_view text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return std::string(buffer.GetString(), buffer.GetSize());
}

Object& Object::add(std::string_view key, std::string_view value) {
  if (!members_.empty()) members_ += ',';
  members_.append(quote(key)).append(":").append(value);
  return *this;
}

Object& Object::add_members_of(std::string_view object) {
  for_each_member(object, [this](std::string_view key, std::string_view value) {
    if (!members_.empty()) members_ += ',';
    members_.append("\"").append(key).append("\":").append(value);
  });
  return *this;
}

}  // namespace feed::json
