// Small text pieces that several floors share: name rules of the wire contract, JSON strings,
// time stamps.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace bridge {

// Whether two names are the same. They are short as a rule: then it takes two loads of each, and no call.
inline bool same_name(std::string_view a, std::string_view b) {
  const std::size_t size = a.size();
  if (size != b.size()) return false;
  const auto differ = [&a, &b](auto word, std::size_t at) {
    auto other = word;
    std::memcpy(&word, a.data() + at, sizeof word);
    std::memcpy(&other, b.data() + at, sizeof other);
    return word ^ other;
  };
  if (size > 16) return a == b;
  if (size >= 8) return (differ(std::uint64_t{}, 0) | differ(std::uint64_t{}, size - 8)) == 0;
  if (size >= 4) return (differ(std::uint32_t{}, 0) | differ(std::uint32_t{}, size - 4)) == 0;
  for (std::size_t i = 0; i < size; ++i) {
    if (a[i] != b[i]) return false;
  }
  return true;
}

// 1-64 characters of A-Z a-z 0-9 _ . - (an event type).
bool is_type_name(std::string_view s);

// 1-64 characters of A-Z a-z 0-9 _ . : - (a source, a run, an agent id).
bool is_name(std::string_view s);

// True where `s` is well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
bool is_utf8(std::string_view s);

// The text behind a UTF-8 byte order mark, where one stands in front.
inline std::string_view without_byte_order_mark(std::string_view s) {
  return s.substr(0, 3) == "\xEF\xBB\xBF" ? s.substr(3) : s;
}

// The beginning of `s` with at most `bytes_max` bytes that does not end within a character.
// REQUIRES: is_utf8(s).
std::string_view utf8_prefix(std::string_view s, std::size_t bytes_max);

// Appends `s` as a JSON string with its quotes (RFC 8259 section 7). REQUIRES: is_utf8(s).
void append_json_string(std::string& out, std::string_view s);

// Appends microseconds since 1970 as seconds with six decimals: 1619395200.251003.
// REQUIRES: us >= 0.
void append_seconds(std::string& out, std::int64_t us);

// The same back: microseconds of plain decimals, "1619395200.251003", to the microsecond; -1 for any other text, and from
// the year 33658 on.
inline std::int64_t parse_seconds(std::string_view text) {
  constexpr std::int64_t kSecondsEnd = 1'000'000'000'000;
  std::size_t at = 0;
  std::int64_t us = 0;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at) {
    us = us * 10 + (text[at] - '0');
    if (us >= kSecondsEnd) return -1;
  }
  if (at == 0) return -1;
  us *= 1'000'000;
  if (at == text.size()) return us;
  if (text[at] != '.') return -1;
  std::int64_t unit = 100'000;
  for (++at; at < text.size(); ++at, unit /= 10) {
    if (text[at] < '0' || text[at] > '9') return -1;
    us += (text[at] - '0') * unit;
  }
  return us;
}

// Appends decimal digits.
void append_number(std::string& out, std::uint64_t n);

// `s` for a log line or an error message: at most `bytes_max` bytes of it, control characters and
// bytes beyond ASCII as \xNN, "..." where it was cut.
std::string printable(std::string_view s, std::size_t bytes_max = 80);

}  // namespace bridge
