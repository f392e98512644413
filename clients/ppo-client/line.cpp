#include "ppo-client/line.h"

#include <utility>

namespace client {
namespace {

const char* escape(Colour colour) {
  switch (colour) {
    case Colour::kPlain:
      return "";
    case Colour::kBold:
      return "\x1b[1m";
    case Colour::kDim:
      return "\x1b[2m";
    case Colour::kRed:
      return "\x1b[31m";
    case Colour::kGreen:
      return "\x1b[32m";
    case Colour::kYellow:
      return "\x1b[33m";
    case Colour::kBlue:
      return "\x1b[34m";
    case Colour::kMagenta:
      return "\x1b[35m";
    case Colour::kCyan:
      return "\x1b[36m";
    case Colour::kBrightBlue:
      return "\x1b[94m";
    case Colour::kBrightMagenta:
      return "\x1b[95m";
    case Colour::kBrightCyan:
      return "\x1b[96m";
  }
  return "";
}

constexpr const char* kReset = "\x1b[0m";

std::string spaces(size_t count) {
  return std::string(count, ' ');
}

}  // namespace

Line& Line::append(std::string text, size_t width, Colour colour) {
  if (text.empty()) return *this;
  spans_.push_back({std::move(text), colour});
  width_ += width;
  return *this;
}

Line& Line::add(std::string_view text, Colour colour) {
  std::string safe = printable(text);
  const size_t width = display_width(safe);
  return append(std::move(safe), width, colour);
}

Line& Line::column(std::string_view text, size_t width, Colour colour, Cut cut) {
  std::string safe = cut_to_width(printable(text), width, cut);
  const size_t used = display_width(safe);
  append(std::move(safe), used, colour);
  return append(spaces(width - used), width - used, Colour::kPlain);
}

Line& Line::right_column(std::string_view text, size_t width, Colour colour) {
  std::string safe = cut_to_width(printable(text), width);
  const size_t used = display_width(safe);
  append(spaces(width - used), width - used, Colour::kPlain);
  return append(std::move(safe), used, colour);
}

std::string Line::render(const Style& style) const {
  const bool cut = style.width_max > 0 && width_ > style.width_max;
  // The last column is for the ellipsis.
  size_t room = cut ? style.width_max - 1 : width_;
  std::string out;
  for (const Span& span : spans_) {
    std::string text = span.text;
    const size_t width = display_width(text);
    const bool last = cut && width > room;
    if (last) text = cut_to_width(text + " ", room + 1);  // cut also where just this much fits
    const char* const colour = style.colours ? escape(span.colour) : "";
    if (*colour != '\0') {
      out.append(colour).append(text).append(kReset);
    } else {
      out += text;
    }
    if (last) break;
    room -= width;
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out;
}

}  // namespace client
