// Text on a terminal: what may be shown, and how wide it is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace client {

// One character of a UTF-8 text.
struct Character {
  static constexpr char32_t kBad = 0xFFFFFFFF;  // the bytes are not UTF-8

  char32_t code = kBad;
  size_t bytes = 1;

  // Shown as it is; the others could steer a terminal or hide what is there.
  bool safe() const;
};

// The character that begins at `at`. REQUIRES: at < text.size()
Character decode(std::string_view text, size_t at);

// `text` with every unsafe character replaced: control characters (C0 as
// their pictures, "␛"; C1, bidirectional overrides, line separators and invisible ones as U+FFFD)
// and bytes that are not UTF-8. Safe to print on one line.
std::string printable(std::string_view text);

// The columns that `text` takes: 0 for combining marks, 2 for East Asian wide characters and emoji.
// REQUIRES: printable() gave `text`
size_t display_width(std::string_view text);

enum class Cut { kEnd, kBeginning };

// `text` in at most `width` columns; what had to go is shown as "…".
// REQUIRES: printable() gave `text`
std::string cut_to_width(std::string_view text, size_t width, Cut cut = Cut::kEnd);

}  // namespace client
