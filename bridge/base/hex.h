// Bytes as hexadecimal digits.
#pragma once

#include <cstdint>
#include <string>

namespace bridge {

// Two digits, in small letters.
inline void append_hex(unsigned char byte, std::string* to) {
  constexpr char kDigits[] = "0123456789abcdef";
  *to += kDigits[byte >> 4];
  *to += kDigits[byte & 15];
}

// Sixteen digits, the highest first.
inline void append_hex64(std::uint64_t n, std::string* to) {
  for (int shift = 56; shift >= 0; shift -= 8) append_hex(static_cast<unsigned char>(n >> shift & 0xFF), to);
}

}  // namespace bridge
