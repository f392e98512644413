// A table as wide as its contents. Where that is wider than the terminal, each row becomes a few lines of its own,
// so that nothing is cut.
#pragma once

#include <string>
#include <vector>

#include "ppo-client/line.h"

namespace client {

class Table {
 public:
  struct Cell {
    std::string text;
    bool right = false;  // numbers
    Colour colour = Colour::kPlain;
  };

  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}

  // A short row's missing cells are empty. REQUIRES: at most as many cells as the header
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }

  // Its lines, each with a line break, after `indent` spaces. A table without rows is its header.
  std::string render(const Style& style, size_t indent = 0) const;

 private:
  std::string records(const Style& style, size_t indent) const;

  std::vector<std::string> header_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace client
