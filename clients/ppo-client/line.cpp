#include "ppo-client/line.h"

#include <utility>

namespace client {
namespace {

std::string escape(Colour colour) {
  return "\x1b[" + std::to_string(static_cast<int>(colour)) + "m";
}

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
    const bool coloured = style.colours && span.colour != Colour::kPlain;
    out += coloured ? escape(span.colour) + text + escape(Colour::kPlain) : text;
    if (last) break;
    room -= width;
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out;
}

}  // namespace client
