// A validating, non-allocating walk over JSON text, for the path that every event takes.
//
// Why not RapidJSON's reader here: the wire contract wants spans of the original text (digits of any
// length, exponents of any size: RapidJSON refuses 1e400), the positions of NaN and Infinity, and no
// copy of every string. Requests from clients, which are rare, do go through RapidJSON. A fuzz target
// holds the two against each other.
//
// Accepts RFC 8259 exactly, with three differences: NaN, Infinity and -Infinity are values (their
// places are recorded), strings must be well-formed UTF-8 (RFC 3629) and \u escapes must pair their
// surrogates, and nesting is bounded by kJsonDepthMax.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "event/byte_runs.h"

namespace bridge {

// A place in a text: bytes [offset, offset + size).
struct TextSpan {
  std::uint32_t offset = 0;
  std::uint32_t size = 0;
};

// A JSON string as it stands in the text, without its quotes.
struct JsonString {
  std::string_view raw;
  bool escaped = false;  // holds at least one backslash; decode() gives its meaning
};

// Inlined whatever else is compiled with it: a call for each comma is a sixth of what an event costs.
#define PPO_HOT [[gnu::always_inline]]

inline constexpr int kDepthMin = -35;  // of what stands around a body: clients read messages of 100 levels

// Walks one text from front to back. The text must outlive the scanner. One thread.
// Every function that returns false leaves the scanner failed: the text is not what was asked for.
class JsonScanner {
 public:
  // `not_finite`, where given, collects the places of NaN, Infinity and -Infinity; without it they
  // are malformed. REQUIRES: text.size() < 2^32.
  explicit JsonScanner(std::string_view text, std::vector<TextSpan>* not_finite = nullptr)
      : begin_(text.data()),
        p_(text.data()),
        end_(text.data() + text.size()),
        not_finite_(not_finite) {}

  // The next byte that is not white space, or '\0' at the end.
  PPO_HOT char peek() {
    skip_space();
    return p_ < end_ ? *p_ : '\0';
  }
  bool at_end() {
    skip_space();
    return p_ == end_;
  }
  // Takes `c` if it comes next.
  PPO_HOT bool take(char c) {
    if (peek() != c || p_ == end_) return false;
    ++p_;
    return true;
  }
  const char* position() const { return p_; }

  // Takes a string; the next byte must be its opening quote.
  PPO_HOT bool string(JsonString* out) {
    const char* const start = p_ + 1;
    p_ = skip_plain(start, end_);
    if (p_ == end_ || *p_ != '"') return rest_of_string(start, out);
    out->raw = std::string_view(start, static_cast<std::size_t>(p_ - start));
    out->escaped = false;
    ++p_;
    return true;
  }

  // Takes any one value. `depth` is the level that a container here would be, at least kDepthMin.
  PPO_HOT bool value(int depth) {
    const char first = peek();
    if (first == '"') {
      JsonString ignored;
      return string(&ignored);
    }
    return first == '-' || is_digit(first) ? number() : other_value(first, depth);
  }

  // True where value() failed only because of its depth.
  bool too_deep() const { return too_deep_; }

  // Of a scanner that failed, what is wrong with the text, to follow its name: "is deeper than 64
  // levels", "is not UTF-8" or "is not JSON: at byte 3 of 10". `*not_utf8` tells of the second.
  std::string problem(bool* not_utf8 = nullptr) const;

 private:
  // What sources write has no white space, as a rule; what they write of it is not above a space.
  PPO_HOT void skip_space() {
    if (p_ < end_ && static_cast<unsigned char>(*p_) <= ' ') skip_more_space();
  }
  // Whole numbers and fractions; what else there is, wrong ones among it, is rare.
  PPO_HOT bool number() {
    const char* const whole = p_ + (*p_ == '-' ? 1 : 0);
    const char* p = skip_digits(whole, end_);
    if (p == whole || (*whole == '0' && p - whole > 1)) return any_number();
    if (p < end_ && *p == '.') {
      const char* const fraction = ++p;
      p = skip_digits(fraction, end_);
      if (p == fraction) return any_number();
    }
    if (p < end_ && (*p == 'e' || *p == 'E')) return any_number();
    p_ = p;
    return true;
  }

  void skip_more_space();
  bool rest_of_string(const char* start, JsonString* out);
  bool other_value(char first, int depth);
  bool container(int depth);
  bool any_number();
  bool literal(std::string_view word);
  bool not_finite(std::string_view word, const char* start);
  bool escapes();
  bool unicode_escape();
  bool multibytes();

  const char* begin_;
  const char* p_;
  const char* end_;
  std::vector<TextSpan>* not_finite_;
  bool too_deep_ = false;
};

// Appends the meaning of a string's raw text. REQUIRES: `raw` was taken by JsonScanner::string().
void append_decoded(std::string& out, std::string_view raw);

// Visits the members of an object whose text is known to be valid, top level only, in order:
// visit(const JsonString& key, std::string_view value_text) -> bool, false to stop. `not_finite` and
// `depth` (of containers in it) as they were when it was found to be valid.
template <class Visit>
void for_each_member(std::string_view object, Visit&& visit,
                     std::vector<TextSpan>* not_finite = nullptr, int depth = 2) {
  JsonScanner scan(object, not_finite);
  if (!scan.take('{') || scan.take('}')) return;
  do {
    JsonString key;
    if (scan.peek() != '"' || !scan.string(&key) || !scan.take(':')) return;
    scan.peek();
    const char* const start = scan.position();
    if (!scan.value(depth)) return;
    if (!visit(key, std::string_view(start, static_cast<std::size_t>(scan.position() - start)))) {
      return;
    }
  } while (scan.take(','));
}

// The same for the elements of an array: visit(std::string_view value_text).
template <class Visit>
void for_each_element(std::string_view array, Visit&& visit,
                      std::vector<TextSpan>* not_finite = nullptr, int depth = 2) {
  JsonScanner scan(array, not_finite);
  if (!scan.take('[') || scan.take(']')) return;
  do {
    scan.peek();
    const char* const start = scan.position();
    if (!scan.value(depth)) return;
    visit(std::string_view(start, static_cast<std::size_t>(scan.position() - start)));
  } while (scan.take(','));
}

#undef PPO_HOT

}  // namespace bridge
