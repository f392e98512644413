#include "ppo-client/json_text.h"

#include <cmath>
#include <cstdio>

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include "event/json_reader.h"
#include "feed/json.h"
#include "ppo-client/text.h"

namespace client {
namespace {

// An infinity was a number beyond a double, and is one again.
class Writer : public rapidjson::Writer<rapidjson::StringBuffer> {
 public:
  using rapidjson::Writer<rapidjson::StringBuffer>::Writer;
  bool Double(double n) {
    if (std::isfinite(n)) return rapidjson::Writer<rapidjson::StringBuffer>::Double(n);
    const std::string_view text = n < 0 ? "-1e999" : "1e999";
    return RawValue(text.data(), text.size(), rapidjson::kNumberType);
  }
};

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

// The string that starts at `at`, quotes included.
std::string_view string_at(std::string_view text, size_t at) {
  size_t end = at + 1;
  while (end < text.size() && text[end] != '"') end += text[end] == '\\' ? 2 : 1;
  return text.substr(at, end + 1 - at);
}

void append_escape(std::string& out, char32_t code) {
  char escape[16];
  if (code > 0xFFFF) {
    const char32_t rest = code - 0x10000;
    std::snprintf(escape, sizeof escape, "\\u%04x\\u%04x",
                  static_cast<unsigned>(0xD800 + (rest >> 10)),
                  static_cast<unsigned>(0xDC00 + (rest & 0x3FF)));
  } else {
    std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(code));
  }
  out += escape;
}

// One string token, with escapes for what is unsafe to show.
void append_string(std::string& out, std::string_view token) {
  for (size_t at = 0; at < token.size();) {
    const Character character = decode(token, at);
    if (character.safe()) {
      out += token.substr(at, character.bytes);
    } else {
      append_escape(out, character.code == Character::kBad ? 0xFFFD : character.code);
    }
    at += character.bytes;
  }
}

void append_line(std::string& out, size_t depth) {
  out.append("\n").append(depth * 2, ' ');
}

}  // namespace

std::string compact(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '"') {
      const std::string_view token = string_at(text, at);
      append_string(out, token);
      at += token.size();
    } else {
      if (!is_space(text[at])) out += text[at];
      ++at;
    }
  }
  return out;
}

std::string pretty(std::string_view text) {
  const std::string tight = compact(text);
  std::string out;
  size_t depth = 0;
  for (size_t at = 0; at < tight.size(); ++at) {
    const char c = tight[at];
    const bool empty_inside = at + 1 < tight.size() && ((c == '{' && tight[at + 1] == '}') ||
                                                        (c == '[' && tight[at + 1] == ']'));
    if (c == '"') {
      const std::string_view token = string_at(tight, at);
      out += token;
      at += token.size() - 1;
    } else if (empty_inside) {
      out.append(tight, at, 2);
      ++at;
    } else if (c == '{' || c == '[') {
      out += c;
      append_line(out, ++depth);
    } else if (c == '}' || c == ']') {
      append_line(out, depth > 0 ? --depth : 0);
      out += c;
    } else if (c == ',') {
      out += c;
      append_line(out, depth);
    } else if (c == ':') {
      out += ": ";
    } else {
      out += c;
    }
  }
  return out;
}

std::string one_line(std::string_view text, bool terminal) {
  std::string line(text);
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  if (terminal) {
    std::string safe;
    append_string(safe, line);
    return safe;
  }
  return line;
}

std::string csv_field(std::string_view value) {
  std::string text = feed::json::as_string(value).value_or(std::string(value));
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

std::optional<rapidjson::Document> parse(std::string_view text) {
  if (!feed::json::valid(text)) return std::nullopt;
  return bridge::build_document(text, bridge::Beyond::infinite);
}

const rapidjson::Value* find(const rapidjson::Value& value, const char* key) {
  if (!value.IsObject()) return nullptr;
  const auto found = value.FindMember(key);
  return found == value.MemberEnd() ? nullptr : &found->value;
}

std::string string_of(const rapidjson::Value* value) {
  if (value == nullptr || !value->IsString()) return {};
  return std::string(value->GetString(), value->GetStringLength());
}

std::string to_text(const rapidjson::Value& value) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  value.Accept(writer);
  return compact(std::string_view(buffer.GetString(), buffer.GetSize()));
}

}  // namespace client
