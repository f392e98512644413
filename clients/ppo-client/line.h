// A line of coloured text in columns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "ppo-client/text.h"

namespace client {

// As terminals number them.
enum class Colour {
  kPlain = 0,
  kBold = 1,
  kDim = 2,
  kRed = 31,
  kGreen = 32,
  kYellow = 33,
  kBlue = 34,
  kMagenta = 35,
  kCyan = 36,
  kBrightBlue = 94,
  kBrightMagenta = 95,
  kBrightCyan = 96,
};

// How lines come out. `width_max` is the terminal's, 0 for none.
struct Style {
  bool colours = false;
  size_t width_max = 0;
};

// Built from left to right. Whatever text comes in is made printable: a hostile name cannot reach
// the terminal.
class Line {
 public:
  Line& add(std::string_view text, Colour colour = Colour::kPlain);

  // Text in a column of `width`: filled up with spaces, or cut.
  Line& column(std::string_view text, size_t width, Colour colour = Colour::kPlain,
               Cut cut = Cut::kEnd);
  Line& right_column(std::string_view text, size_t width, Colour colour = Colour::kPlain);

  bool empty() const { return spans_.empty(); }
  size_t width() const { return width_; }

  // All of it, without line break or spaces at the end, cut to the style's width.
  std::string render(const Style& style) const;

 private:
  struct Span {
    std::string text;
    Colour colour;
  };

  Line& append(std::string text, size_t width, Colour colour);

  std::vector<Span> spans_;
  size_t width_ = 0;
};

}  // namespace client
