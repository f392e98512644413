#include "base/text.h"

#include <array>
#include <cassert>
#include <charconv>

#include "base/limits.h"
#include "shared/text/utf8.h"

namespace bridge {
namespace {

enum : unsigned char { kTypeChar = 1, kNameChar = 2 };

constexpr std::array<unsigned char, 256> make_classes() {
  std::array<unsigned char, 256> t{};
  for (int c = 'a'; c <= 'z'; ++c) t[static_cast<std::size_t>(c)] = kTypeChar | kNameChar;
  for (int c = 'A'; c <= 'Z'; ++c) t[static_cast<std::size_t>(c)] = kTypeChar | kNameChar;
  for (int c = '0'; c <= '9'; ++c) t[static_cast<std::size_t>(c)] = kTypeChar | kNameChar;
  t['_'] = t['.'] = t['-'] = kTypeChar | kNameChar;
  t[':'] = kNameChar;
  return t;
}
constexpr auto kClasses = make_classes();

bool all_of_class(std::string_view s, unsigned char wanted) {
  for (const char c : s) {
    if ((kClasses[static_cast<unsigned char>(c)] & wanted) == 0) return false;
  }
  return true;
}

constexpr char kHex[] = "0123456789abcdef";

}  // namespace

bool is_type_name(std::string_view s) {
  return !s.empty() && s.size() <= kTypeNameBytesMax && all_of_class(s, kTypeChar);
}

bool is_name(std::string_view s) {
  return !s.empty() && s.size() <= kNameBytesMax && all_of_class(s, kNameChar);
}

bool is_utf8(std::string_view s) { return utf8::is_valid(s); }

std::string_view utf8_prefix(std::string_view s, std::size_t bytes_max) {
  if (s.size() <= bytes_max) return s;
  while (bytes_max > 0 && (static_cast<unsigned char>(s[bytes_max]) & 0xC0) == 0x80) --bytes_max;
  return s.substr(0, bytes_max);
}

void append_json_string(std::string& out, std::string_view s) {
  assert(is_utf8(s));
  out.push_back('"');
  std::size_t plain = 0;  // from here on nothing is to be escaped
  for (std::size_t i = 0; i < s.size(); ++i) {
    const auto c = static_cast<unsigned char>(s[i]);
    if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7F) continue;
    out.append(s, plain, i - plain);
    plain = i + 1;
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(s[i]);
    } else if (c == '\n') {
      out.append("\\n");
    } else if (c == '\t') {
      out.append("\\t");
    } else {
      out.append("\\u00");
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
    }
  }
  out.append(s, plain);
  out.push_back('"');
}

void append_number(std::string& out, std::uint64_t n) {
  char buffer[20];
  const auto r = std::to_chars(buffer, buffer + sizeof buffer, n);
  out.append(buffer, r.ptr);
}

void append_seconds(std::string& out, std::int64_t us) {
  append_number(out, static_cast<std::uint64_t>(us / 1'000'000));
  char fraction[7] = {'.', '0', '0', '0', '0', '0', '0'};
  auto rest = us % 1'000'000;
  for (int i = 6; i >= 1; --i, rest /= 10) fraction[i] = static_cast<char>('0' + rest % 10);
  out.append(fraction, sizeof fraction);
}

std::string printable(std::string_view s, std::size_t bytes_max) {
  std::string out;
  for (const char ch : s.substr(0, bytes_max)) {
    const auto c = static_cast<unsigned char>(ch);
    if (c >= 0x20 && c < 0x7F) {
      out.push_back(ch);
    } else {
      out.append("\\x");
      out.push_back(kHex[c >> 4]);
      out.push_back(kHex[c & 15]);
    }
  }
  if (s.size() > bytes_max) out.append("...");
  return out;
}

}  // namespace bridge
