// Reads item tables from comma-separated files (RFC 4180: quoted fields, doubled quotes, LF or
// CRLF; a byte order mark is skipped).
//
// The first line names the columns, in any order. Needed: item_id, name, buy_limit, high_price,
// low_price, high_volume_1h, low_volume_1h; any other column is ignored. An empty buy_limit means
// that the item has none; an empty volume counts as 0; a row with an empty price is skipped.
#pragma once

#include <cstddef>
#include <istream>
#include <string>
#include <vector>

#include "market/items/item.h"

namespace market {

constexpr std::size_t kCsvBytesMax = 64 * 1024 * 1024;

// The outcome of a load. On failure `error` says what is wrong and where - line, column, value and
// allowed range - and `items` is empty; on success `error` is empty and `items` is not.
struct [[nodiscard]] ItemLoad {
  std::vector<ItemFacts> items;
  std::size_t rows_skipped = 0;  // rows without a usable price
  std::string error;

  bool ok() const { return error.empty(); }
};

// Reads a table from text; `name` stands for the file in messages.
ItemLoad read_items(std::istream& in, const std::string& name);

// Reads the file at `path`, of at most kCsvBytesMax bytes.
ItemLoad load_items(const std::string& path);

}  // namespace market
