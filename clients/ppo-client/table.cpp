#include "ppo-client/table.h"

#include <algorithm>

namespace client {
namespace {

constexpr size_t kColumnMax = 60;  // where there is another one behind it

}  // namespace

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
