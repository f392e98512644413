// Runs of bytes of one kind, found sixteen at a time where the processor's baseline allows it.
#pragma once

#include <cstddef>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace bridge {

inline bool is_digit(char c) { return static_cast<unsigned char>(c - '0') <= 9; }

// An ordinary ASCII character of a JSON string: stands for itself and ends nothing.
inline bool is_plain(char ch) {
  const auto c = static_cast<unsigned char>(ch);
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

// The first byte in [p, end) that is not plain, or end.
inline const char* skip_plain(const char* p, const char* end) {
#if defined(__SSE2__)
  while (end - p >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    // Signed comparison: bytes from 0x80 on are negative and so "below 0x20" as well.
    const __m128i special = _mm_or_si128(
        _mm_cmplt_epi8(bytes, _mm_set1_epi8(0x20)),
        _mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')),
                     _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))));
    const int mask = _mm_movemask_epi8(special);
    if (mask != 0) return p + __builtin_ctz(static_cast<unsigned>(mask));
    p += 16;
  }
#endif
  while (p < end && is_plain(*p)) ++p;
  return p;
}

// The first byte in [p, end) that is no digit, or end.
inline const char* skip_digits(const char* p, const char* end) {
  // So little is told by branches, which the processor guesses; what follows it has to wait for.
  if (p < end && !is_digit(*p)) return p;
  if (end - p > 1 && !is_digit(p[1])) return p + 1;
#if defined(__SSE2__)
  while (end - p >= 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    const __m128i above_zero = _mm_sub_epi8(bytes, _mm_set1_epi8('0'));
    const __m128i digits = _mm_cmpeq_epi8(_mm_min_epu8(above_zero, _mm_set1_epi8(9)), above_zero);
    const int others = _mm_movemask_epi8(digits) ^ 0xFFFF;
    if (others != 0) return p + __builtin_ctz(static_cast<unsigned>(others));
    p += 16;
  }
#endif
  while (p < end && is_digit(*p)) ++p;
  return p;
}

}  // namespace bridge
