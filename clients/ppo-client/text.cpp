#include "ppo-client/text.h"

#include <algorithm>
#include <iterator>

#include "shared/text/utf8.h"

namespace client {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kEllipsis = "\xE2\x80\xA6";     // U+2026

struct Range {
  char32_t first;
  char32_t last;
};

// Unicode's zero-width marks, as far as they occur in names and messages.
constexpr Range kZeroWidth[] = {
    {0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x0610, 0x061A},   {0x064B, 0x065F},
    {0x0900, 0x0902}, {0x093A, 0x093A}, {0x093C, 0x093C}, {0x0941, 0x0948},   {0x0E31, 0x0E31},
    {0x0E34, 0x0E3A}, {0x0E47, 0x0E4E}, {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF},   {0x200D, 0x200D},
    {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}, {0x1F3FB, 0x1F3FF}, {0xE0100, 0xE01EF},
};

// Unicode's East Asian wide and full-width characters, and the emoji that terminals draw as wide.
constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x231A, 0x231B},   {0x23E9, 0x23EC},   {0x25FD, 0x25FE},
    {0x2614, 0x2615},   {0x2648, 0x2653},   {0x26A1, 0x26A1},   {0x26BD, 0x26BE},
    {0x26D4, 0x26D4},   {0x2705, 0x2705},   {0x274C, 0x274C},   {0x2753, 0x2755},
    {0x2795, 0x2797},   {0x2B1B, 0x2B1C},   {0x2B50, 0x2B50},   {0x2E80, 0x303E},
    {0x3041, 0x33FF},   {0x3400, 0x4DBF},   {0x4E00, 0x9FFF},   {0xA000, 0xA4CF},
    {0xA960, 0xA97F},   {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},
    {0xFF00, 0xFF60},   {0xFFE0, 0xFFE6},   {0x1F300, 0x1F3FA}, {0x1F400, 0x1F64F},
    {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD},
};

// Beyond the controls: what changes the direction of text, ends a line, or is not seen at all.
constexpr Range kUnsafe[] = {
    {0x007F, 0x009F}, {0x00AD, 0x00AD}, {0x061C, 0x061C}, {0x180E, 0x180E},
    {0x200B, 0x200C}, {0x200E, 0x200F}, {0x2028, 0x202E}, {0x2060, 0x206F},
    {0xFEFF, 0xFEFF}, {0xFFF9, 0xFFFB}, {0xFFFE, 0xFFFF}, {0xE0000, 0xE00FF},
};

template <size_t N>
bool in(const Range (&ranges)[N], char32_t code) {
  const auto* after =
      std::upper_bound(std::begin(ranges), std::end(ranges), code,
                       [](char32_t value, const Range& range) { return value < range.first; });
  return after != std::begin(ranges) && code <= std::prev(after)->last;
}

size_t width_of(char32_t code) {
  if (code < 0x300) return 1;
  if (in(kZeroWidth, code)) return 0;
  return in(kWide, code) ? 2 : 1;
}

}  // namespace

bool Character::safe() const {
  return code >= 0x20 && code != kBad && !in(kUnsafe, code);
}

Character decode(std::string_view text, size_t at) {
  const char* const p = text.data() + at;
  const int size = utf8::size_at(p, text.data() + text.size());
  if (size == 0) return {Character::kBad, 1};
  return {utf8::code_at(p, size), static_cast<size_t>(size)};
}

std::string printable(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const Character character = decode(text, at);
    if (character.code < 0x20) {
      safe += "\xE2\x90";  // U+2400: the control pictures
      safe += static_cast<char>(0x80 + character.code);
    } else if (!character.safe()) {
      safe += kReplacement;
    } else {
      safe.append(text.substr(at, character.bytes));
    }
    at += character.bytes;
  }
  return safe;
}

size_t display_width(std::string_view text) {
  size_t width = 0;
  for (size_t at = 0; at < text.size();) {
    const Character character = decode(text, at);
    width += width_of(character.code);
    at += character.bytes;
  }
  return width;
}

std::string cut_to_width(std::string_view text, size_t width, Cut cut) {
  const size_t whole = display_width(text);
  if (whole <= width) return std::string(text);
  if (width == 0) return {};

  const size_t room = width - 1;  // beside the ellipsis
  if (cut == Cut::kEnd) {
    size_t used = 0;
    size_t at = 0;
    while (at < text.size()) {
      const Character character = decode(text, at);
      if (used + width_of(character.code) > room) break;
      used += width_of(character.code);
      at += character.bytes;
    }
    return std::string(text.substr(0, at)).append(kEllipsis);
  }
  size_t left = whole;
  size_t at = 0;
  while (at < text.size() && left > room) {
    const Character character = decode(text, at);
    left -= width_of(character.code);
    at += character.bytes;
  }
  // Marks of the last character that went.
  while (at < text.size() && width_of(decode(text, at).code) == 0) at += decode(text, at).bytes;
  return std::string(kEllipsis).append(text.substr(at));
}

}  // namespace client
