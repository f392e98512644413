#include "json_text.h"

#include <cstdint>
#include <cstring>

#include "shared/text/utf8.h"

namespace ppo {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_plain(char ch) {
  const auto c = static_cast<unsigned char>(ch);
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

// True where all of eight bytes are plain: no byte below 0x20, from 0x80 on, or one of " and \.
// Exact as a yes or no ("Bit Twiddling Hacks", S. E. Anderson: hasless, haszero).
bool eight_plain(const char* p) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  constexpr std::uint64_t kHighs = 0x8080808080808080u;
  std::uint64_t word = 0;
  std::memcpy(&word, p, sizeof word);
  const auto has_zero = [](std::uint64_t x) { return (x - kOnes) & ~x; };
  const std::uint64_t found = word | (word - kOnes * 0x20) | has_zero(word ^ (kOnes * '"')) |
                              has_zero(word ^ (kOnes * '\\'));
  return (found & kHighs) == 0;
}

class Scanner {
 public:
  Scanner(std::string_view text, int depth_max)
      : p_(text.data()), end_(text.data() + text.size()), depth_max_(depth_max) {}

  JsonText run() {
    skip_space();
    if (p_ == end_ || *p_ != '{' || !value(1)) return JsonText::malformed;
    skip_space();
    if (p_ != end_) return JsonText::malformed;
    return breaks_ ? JsonText::object_with_breaks : JsonText::object;
  }

  const char* at() const { return p_; }

 private:
  void skip_space() {
    for (; p_ < end_; ++p_) {
      if (*p_ == '\n' || *p_ == '\r') {
        breaks_ = true;
      } else if (*p_ != ' ' && *p_ != '\t') {
        return;
      }
    }
  }

  bool take(char c) {
    skip_space();
    if (p_ == end_ || *p_ != c) return false;
    ++p_;
    return true;
  }

  // `depth` is the level that a container here would be.
  bool value(int depth) {
    skip_space();
    if (p_ == end_) return false;
    switch (*p_) {
      case '{':
        return depth <= depth_max_ && object(depth);
      case '[':
        return depth <= depth_max_ && array(depth);
      case '"':
        return string();
      case 't':
        return literal("true");
      case 'f':
        return literal("false");
      case 'n':
        return literal("null");
      case 'N':
        return literal("NaN");
      case 'I':
        return literal("Infinity");
      default:
        return number();
    }
  }

  bool object(int depth) {
    ++p_;
    if (take('}')) return true;
    do {
      skip_space();
      if (!string() || !take(':') || !value(depth + 1)) return false;
    } while (take(','));
    return take('}');
  }

  bool array(int depth) {
    ++p_;
    if (take(']')) return true;
    do {
      if (!value(depth + 1)) return false;
    } while (take(','));
    return take(']');
  }

  bool string() {
    if (p_ == end_ || *p_ != '"') return false;
    ++p_;
    for (;;) {
      while (end_ - p_ >= 8 && eight_plain(p_)) p_ += 8;
      while (p_ < end_ && is_plain(*p_)) ++p_;
      if (p_ == end_) return false;
      const auto c = static_cast<unsigned char>(*p_);
      if (c == '"') {
        ++p_;
        return true;
      }
      if (c == '\\') {
        if (!escape()) return false;
      } else if (c < 0x20) {
        return false;
      } else {
        const int size = utf8::size_at(p_, end_);
        if (size == 0) return false;
        p_ += size;
      }
    }
  }

  // RFC 8259 section 7; a surrogate must be one of a pair.
  bool escape() {
    if (end_ - p_ < 2) return false;
    const char c = p_[1];
    p_ += 2;
    if (c != 'u') return c != '\0' && std::strchr("\"\\/bfnrt", c) != nullptr;
    const int unit = hex4();
    if (unit < 0 || (unit >= 0xDC00 && unit <= 0xDFFF)) return false;
    if (unit < 0xD800 || unit > 0xDFFF) return true;
    if (end_ - p_ < 2 || p_[0] != '\\' || p_[1] != 'u') return false;
    p_ += 2;
    const int low = hex4();
    return low >= 0xDC00 && low <= 0xDFFF;
  }

  // Takes four hex digits; -1 where they are not.
  int hex4() {
    if (end_ - p_ < 4) return -1;
    int unit = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = *p_++;
      const int digit = is_digit(c)              ? c - '0'
                        : (c >= 'a' && c <= 'f') ? c - 'a' + 10
                        : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                                 : -1;
      if (digit < 0) return -1;
      unit = unit * 16 + digit;
    }
    return unit;
  }

  bool literal(std::string_view word) {
    if (static_cast<std::size_t>(end_ - p_) < word.size() ||
        std::memcmp(p_, word.data(), word.size()) != 0) {
      return false;
    }
    p_ += word.size();
    return true;
  }

  bool digits() {
    const char* const start = p_;
    while (p_ < end_ && is_digit(*p_)) ++p_;
    return p_ != start;
  }

  // RFC 8259 section 6, and -Infinity.
  bool number() {
    if (*p_ == '-') {
      ++p_;
      if (p_ < end_ && *p_ == 'I') return literal("Infinity");
    }
    if (p_ < end_ && *p_ == '0') {
      ++p_;
    } else if (!digits()) {
      return false;
    }
    if (p_ < end_ && *p_ == '.') {
      ++p_;
      if (!digits()) return false;
    }
    if (p_ < end_ && (*p_ == 'e' || *p_ == 'E')) {
      ++p_;
      if (p_ < end_ && (*p_ == '+' || *p_ == '-')) ++p_;
      if (!digits()) return false;
    }
    return true;
  }

  const char* p_;
  const char* const end_;
  const int depth_max_;
  bool breaks_ = false;
};

}  // namespace

JsonText check_json_object(std::string_view text, int depth_max) {
  return Scanner(text, depth_max).run();
}

std::size_t malformed_at(std::string_view text, int depth_max) {
  Scanner scanner(text, depth_max);
  (void)scanner.run();
  return static_cast<std::size_t>(scanner.at() - text.data());
}

}  // namespace ppo
