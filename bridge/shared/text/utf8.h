// UTF-8, as RFC 3629 section 4 has it: no overlong forms, no surrogates, nothing above U+10FFFF. The one reading of it in the
// bridge, the C++ publisher and the terminal client.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace utf8 {

// The bytes of the character at `p`, 1 to 4, or 0 where there is none that is well-formed.
// REQUIRES: p < end.
inline int size_at(const char* p, const char* end) {
  const auto at = [p](int i) { return static_cast<unsigned char>(p[i]); };
  const auto tail = [&at](int i) { return (at(i) & 0xC0) == 0x80; };
  const auto left = end - p;
  const unsigned char c = at(0);
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return left >= 2 && tail(1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    if (left < 3 || !tail(1) || !tail(2)) return 0;
    const bool overlong = c == 0xE0 && at(1) < 0xA0;
    const bool surrogate = c == 0xED && at(1) > 0x9F;
    return overlong || surrogate ? 0 : 3;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    if (left < 4 || !tail(1) || !tail(2) || !tail(3)) return 0;
    const bool overlong = c == 0xF0 && at(1) < 0x90;
    const bool beyond = c == 0xF4 && at(1) > 0x8F;
    return overlong || beyond ? 0 : 4;
  }
  return 0;
}

// Whether all of it is.
inline bool is_valid(std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  // Eight plain ones at a time, as most are.
  const auto eight_ascii = [&p] {
    std::uint64_t word = 0;
    std::memcpy(&word, p, sizeof word);
    return (word & 0x8080808080808080u) == 0;
  };
  while (p < end) {
    const int size = end - p >= 8 && eight_ascii() ? 8 : size_at(p, end);
    if (size == 0) return false;
    p += size;
  }
  return true;
}

// Which character it is. REQUIRES: size == size_at(p, end), and not 0.
inline char32_t code_at(const char* p, int size) {
  const auto lead = static_cast<unsigned char>(*p);
  char32_t code = size == 1 ? lead : lead & (0x7Fu >> size);
  for (int i = 1; i < size; ++i) code = (code << 6) | (static_cast<unsigned char>(p[i]) & 0x3Fu);
  return code;
}

}  // namespace utf8
