#include "event/json_scanner.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "base/limits.h"
#include "shared/text/utf8.h"

namespace bridge {
namespace {

constexpr std::size_t kShortestNotFinite = 3;
constexpr std::size_t kReservedMax = 262'144;  // places, at once

template <class Value>
constexpr std::array<std::int8_t, 256> table_of(Value&& value) {
  std::array<std::int8_t, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c) table[c] = static_cast<std::int8_t>(value(static_cast<char>(c)));
  return table;
}

constexpr auto kHexValues = table_of([](char c) {
  return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
});

// What stands alone behind a backslash.
constexpr auto kEscapes = table_of([](char c) {
  return c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' || c == 'r' || c == 't' ? 1 : 0;
});

// Four hex digits at p, or below 0. REQUIRES: four bytes readable.
int hex4(const char* p) {
  const auto at = [p](int i) { return static_cast<int>(kHexValues[static_cast<unsigned char>(p[i])]); };
  const int wrong = at(0) | at(1) | at(2) | at(3);
  return wrong < 0 ? wrong : at(0) << 12 | at(1) << 8 | at(2) << 4 | at(3);
}

void append_utf8(std::string& out, unsigned code) {
  const auto put = [&out](unsigned byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

}  // namespace

std::string JsonScanner::problem(bool* not_utf8) const {
  if (too_deep_) return "is deeper than " + std::to_string(kJsonDepthMax) + " levels";
  // What was passed over is.
  const bool is_utf8 = utf8::is_valid({p_, static_cast<std::size_t>(end_ - p_)});
  if (not_utf8 != nullptr) *not_utf8 = !is_utf8;
  if (!is_utf8) return "is not UTF-8";
  return "is not JSON: at byte " + std::to_string(p_ - begin_) + " of " +
         std::to_string(end_ - begin_);
}

void JsonScanner::skip_more_space() {
  while (p_ < end_ && (*p_ == ' ' || *p_ == '\n' || *p_ == '\t' || *p_ == '\r')) ++p_;
}

// From its first byte that is not plain. Those that are not stand side by side, as a rule.
bool JsonScanner::rest_of_string(const char* start, JsonString* out) {
  out->escaped = false;
  for (; p_ != end_; p_ = skip_plain(p_, end_)) {
    const auto c = static_cast<unsigned char>(*p_);
    if (c == '"') {
      out->raw = std::string_view(start, static_cast<std::size_t>(p_ - start));
      ++p_;
      return true;
    }
    if (c == '\\') {
      out->escaped = true;
      if (!escapes()) return false;
    } else if (c < 0x80 || !multibytes()) {
      return false;
    }
  }
  return false;
}

bool JsonScanner::escapes() {
  do {
    if (end_ - p_ >= 2 && kEscapes[static_cast<unsigned char>(p_[1])]) {
      p_ += 2;
    } else if (!unicode_escape()) {
      return false;
    }
  } while (p_ != end_ && *p_ == '\\');
  return true;
}

bool JsonScanner::unicode_escape() {
  if (end_ - p_ < 6 || p_[1] != 'u') return false;
  const int unit = hex4(p_ + 2);
  if (unit < 0) return false;
  p_ += 6;
  if (unit < 0xD800 || unit > 0xDFFF) return true;
  if (unit > 0xDBFF || end_ - p_ < 6 || p_[0] != '\\' || p_[1] != 'u') return false;
  const int low = hex4(p_ + 2);
  if (low < 0xDC00 || low > 0xDFFF) return false;
  p_ += 6;
  return true;
}

bool JsonScanner::multibytes() {
  do {
    const int size = utf8::size_at(p_, end_);
    if (size == 0) return false;
    p_ += size;
  } while (p_ != end_ && static_cast<unsigned char>(*p_) >= 0x80);
  return true;
}

bool JsonScanner::other_value(char first, int depth) {
  switch (first) {
    case '{':
    case '[':
      return container(depth);
    case 't':
      return literal("true");
    case 'f':
      return literal("false");
    case 'n':
      return literal("null");
    case 'N':
      return not_finite("NaN", p_);
    case 'I':
      return not_finite("Infinity", p_);
    default:
      return false;
  }
}

// Takes an object or array and all that is in it, without recursion: a megabyte may be nothing but brackets.
bool JsonScanner::container(int depth) {
  std::array<char, kJsonDepthMax - kDepthMin + 1> ends;  // what closes each that is open
  std::size_t open = 0;
  const auto key = [this] {
    JsonString ignored;
    return peek() == '"' && string(&ignored) && take(':');
  };
  for (;;) {
    const char first = peek();
    if (first == '[' || first == '{') {
      if (depth + static_cast<int>(open) > kJsonDepthMax || open == ends.size()) {
        too_deep_ = true;
        return false;
      }
      ++p_;
      const char end = first == '{' ? '}' : ']';
      ends[open++] = end;
      if (peek() != end) {
        if (first == '{' && !key()) return false;
        continue;
      }
    } else if (!value(depth)) {
      return false;
    }
    // A value has ended, or what was begun is empty.
    for (char next = peek(); next != ','; next = peek()) {
      if (next != ends[open - 1]) return false;
      ++p_;
      if (--open == 0) return true;
    }
    ++p_;
    if (ends[open - 1] == '}' && !key()) return false;
  }
}

bool JsonScanner::literal(std::string_view word) {
  if (static_cast<std::size_t>(end_ - p_) < word.size() ||
      std::memcmp(p_, word.data(), word.size()) != 0) {
    return false;
  }
  p_ += word.size();
  return true;
}

bool JsonScanner::not_finite(std::string_view word, const char* start) {
  if (not_finite_ == nullptr || !literal(word)) return false;
  if (not_finite_->size() == not_finite_->capacity()) {
    // There may be so many more. What of it is never written to takes no memory.
    const auto more = static_cast<std::size_t>(end_ - p_) / (kShortestNotFinite + 1);
    not_finite_->reserve(std::max(2 * not_finite_->size(), std::min(not_finite_->size() + more + 1, kReservedMax)));
  }
  // Not made beside it and copied: the processor waits where it reads eight bytes at once that were written as twice four.
  TextSpan& span = not_finite_->emplace_back();
  span.offset = static_cast<std::uint32_t>(start - begin_);
  span.size = static_cast<std::uint32_t>(p_ - start);
  return true;
}

bool JsonScanner::any_number() {
  const char* const start = p_;
  if (*p_ == '-') {
    ++p_;
    if (p_ < end_ && *p_ == 'I') return not_finite("Infinity", start);
  }
  if (p_ == end_ || !is_digit(*p_)) return false;
  if (*p_ == '0') {
    ++p_;
  } else {
    while (p_ < end_ && is_digit(*p_)) ++p_;
  }
  if (p_ < end_ && *p_ == '.') {
    ++p_;
    if (p_ == end_ || !is_digit(*p_)) return false;
    while (p_ < end_ && is_digit(*p_)) ++p_;
  }
  if (p_ < end_ && (*p_ == 'e' || *p_ == 'E')) {
    ++p_;
    if (p_ < end_ && (*p_ == '+' || *p_ == '-')) ++p_;
    if (p_ == end_ || !is_digit(*p_)) return false;
    while (p_ < end_ && is_digit(*p_)) ++p_;
  }
  return true;
}

void append_decoded(std::string& out, std::string_view raw) {
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      out.push_back(raw[i]);
      continue;
    }
    const char c = raw[++i];
    switch (c) {
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u': {
        auto code = static_cast<unsigned>(hex4(raw.data() + i + 1));
        i += 4;
        if (code >= 0xD800 && code <= 0xDBFF) {
          const auto low = static_cast<unsigned>(hex4(raw.data() + i + 3));
          code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
          i += 6;
        }
        append_utf8(out, code);
        break;
      }
      default:
        out.push_back(c);  // " \ /
    }
  }
}

}  // namespace bridge
