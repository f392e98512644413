#include "feed/json.h"

#include <algorithm>
#include <charconv>

#include <rapidjson/document.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace feed::json {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

size_t skip_spaces(std::string_view text, size_t at) {
  while (at < text.size() && is_space(text[at])) ++at;
  return at;
}

// `at` is on the opening quote; returns the position after the closing one.
size_t skip_string(std::string_view text, size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

// `at` is on the first byte of a value; returns the position after its last.
size_t skip_value(std::string_view text, size_t at) {
  if (text[at] == '"') return skip_string(text, at);
  if (text[at] != '{' && text[at] != '[') {
    while (at < text.size() && text[at] != ',' && text[at] != '}' && text[at] != ']' &&
           !is_space(text[at])) {
      ++at;
    }
    return at;
  }
  size_t depth = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++depth;
    if ((c == '}' || c == ']') && --depth == 0) break;
  }
  return at;
}

// Where the inside of a container that opens with `opening` begins; nothing where it is another
// kind.
std::optional<size_t> enter(std::string_view text, char opening) {
  const size_t at = skip_spaces(text, 0);
  if (at >= text.size() || text[at] != opening) return std::nullopt;
  return skip_spaces(text, at + 1);
}

// From the end of one element to the start of the next, or to the closing bracket.
size_t skip_separator(std::string_view text, size_t at) {
  at = skip_spaces(text, at);
  if (at < text.size() && text[at] == ',') at = skip_spaces(text, at + 1);
  return at;
}

rapidjson::ParseErrorCode check(std::string_view text) {
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::BaseReaderHandler<> ignore;
  rapidjson::Reader reader;
  // Iterative: a deep text must not cost stack.
  reader.Parse<rapidjson::kParseIterativeFlag>(stream, ignore);
  if (reader.HasParseError()) return reader.GetParseErrorCode();
  // The stream reads as NUL at its end, so a NUL byte within would pass for the end.
  return stream.Tell() == text.size() ? rapidjson::kParseErrorNone
                                      : rapidjson::kParseErrorDocumentRootNotSingular;
}

// The same text but for its numbers, which are cut to what a double can hold: 1e999 is valid JSON,
// and RapidJSON refuses it in all its modes.
std::string with_small_numbers(std::string_view text) {
  constexpr size_t kDigitsKept = 20;
  std::string tame;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '"') {
      const size_t end = std::min(skip_string(text, at), text.size());
      tame.append(text, at, end - at);
      at = end;
      continue;
    }
    const bool exponent = at > 0 && (text[at - 1] == 'e' || text[at - 1] == 'E');
    const bool signed_exponent = at > 1 && (text[at - 1] == '+' || text[at - 1] == '-') &&
                                 (text[at - 2] == 'e' || text[at - 2] == 'E');
    size_t digits = 0;
    for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, ++digits) {
      if (exponent || signed_exponent) {
        if (digits == 0) tame += '0';
      } else if (digits < kDigitsKept) {
        tame += text[at];
      }
    }
    if (digits == 0) tame += text[at++];
  }
  return tame;
}

}  // namespace

bool valid(std::string_view text) {
  const rapidjson::ParseErrorCode error = check(text);
  if (error == rapidjson::kParseErrorNumberTooBig) {
    return check(with_small_numbers(text)) == rapidjson::kParseErrorNone;
  }
  return error == rapidjson::kParseErrorNone;
}

void for_each_member(std::string_view object,
                     const std::function<void(std::string_view, std::string_view)>& use) {
  const std::optional<size_t> inside = enter(object, '{');
  if (!inside) return;
  size_t at = *inside;
  while (at < object.size() && object[at] == '"') {
    const size_t key_end = skip_string(object, at);
    const std::string_view key = object.substr(at + 1, key_end - at - 2);
    at = skip_spaces(object, key_end);
    at = skip_spaces(object, at + 1);  // the colon
    const size_t value_end = skip_value(object, at);
    use(key, object.substr(at, value_end - at));
    at = skip_separator(object, value_end);
  }
}

void for_each_element(std::string_view array, const std::function<void(std::string_view)>& use) {
  const std::optional<size_t> inside = enter(array, '[');
  if (!inside) return;
  size_t at = *inside;
  while (at < array.size() && array[at] != ']') {
    const size_t end = skip_value(array, at);
    use(array.substr(at, end - at));
    at = skip_separator(array, end);
  }
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
  if (value.find('\\') == std::string_view::npos) {
    return std::string(value.substr(1, value.size() - 2));
  }
  rapidjson::Document document;
  document.Parse(value.data(), value.size());
  if (document.HasParseError() || !document.IsString()) return std::nullopt;
  return std::string(document.GetString(), document.GetStringLength());
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
  const std::optional<size_t> inside = enter(object, '{');
  if (!inside || object[*inside] == '}') return *this;
  if (!members_.empty()) members_ += ',';
  members_ += object.substr(*inside, object.rfind('}') - *inside);
  return *this;
}

}  // namespace feed::json
