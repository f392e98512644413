#include "ppo-client/table.h"

#include <algorithm>

namespace client {
namespace {

constexpr size_t kColumnMax = 60;  // where there is another one behind it

}  // namespace

// The first cell, and the others below it by name, as many on a line as fit.
std::string Table::records(const Style& style, size_t indent) const {
  std::string out;
  for (const auto& row : rows_) {
    Line line;
    const auto break_line = [&](size_t spaces) {
      out += line.render(style) + "\n";
      line = Line();
      line.add(std::string(spaces, ' '));
    };
    line.add(std::string(indent, ' '));
    if (!row.empty() && row[0].right) line.add(header_[0] + " ");  // a number alone says nothing
    line.add(row.empty() ? "" : row[0].text, Colour::kBold);
    break_line(indent + 2);
    bool begun = false;  // this line
    for (size_t i = 1; i < row.size(); ++i) {
      if (row[i].text.empty()) continue;
      const std::string name = printable(header_[i]);
      const std::string text = printable(row[i].text);
      if (begun && line.width() + 4 + display_width(name) + display_width(text) > style.width_max) {
        break_line(indent + 2);
        begun = false;
      }
      line.add(begun ? "   " : "").add(name, Colour::kDim);
      begun = true;
      for (size_t at = 0; at <= text.size();) {
        const size_t end = std::min(text.find(' ', at), text.size());
        const std::string word = text.substr(at, end - at);
        if (line.width() + 1 + display_width(word) > style.width_max) {
          break_line(indent + 4);
        } else {
          line.add(" ");
        }
        line.add(word, row[i].colour);
        at = end + 1;
      }
    }
    if (begun) out += line.render(style) + "\n";
  }
  return out;
}

std::string Table::render(const Style& style, size_t indent) const {
  const size_t count = header_.size();
  std::vector<size_t> widths(count);
  std::vector<bool> right(count, !rows_.empty());
  for (size_t i = 0; i < count; ++i) {
    widths[i] = display_width(printable(header_[i]));
    for (const auto& row : rows_) {
      if (i >= row.size() || row[i].text.empty()) continue;
      widths[i] = std::max(widths[i], display_width(printable(row[i].text)));
      right[i] = right[i] && row[i].right;
    }
    if (i + 1 < count) widths[i] = std::min(widths[i], kColumnMax);
  }

  size_t width = indent + 2 * (count - std::min<size_t>(count, 1));
  for (const size_t column : widths) width += column;
  if (style.width_max > 0 && width > style.width_max && count > 1 && !rows_.empty()) return records(style, indent);

  std::string out;
  const auto add_line = [&](const std::vector<Cell>& cells) {
    Line line;
    line.add(std::string(indent, ' '));
    for (size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) line.add("  ");
      if (right[i]) {
        line.right_column(cells[i].text, widths[i], cells[i].colour);
      } else {
        line.column(cells[i].text, widths[i], cells[i].colour);
      }
    }
    out += line.render(style) + "\n";
  };
  std::vector<Cell> header;
  for (const std::string& name : header_) header.push_back({name, false, Colour::kBold});
  add_line(header);
  for (const auto& row : rows_) add_line(row);
  return out;
}

}  // namespace client
