// Bytes as hexadecimal digits.
#pragma once

#include <string>

namespace bridge {

// Two digits, in small letters.
inline void append_hex(unsigned char byte, std::string* to) {
  constexpr char kDigits[] = "0123456789abcdef";
  *to += kDigits[byte >> 4];
  *to += kDigits[byte & 15];
}

}  // namespace bridge
