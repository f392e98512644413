// What is known of a tradeable item, and the table that the program ships.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace market {

// The facts of one item as a price feed reports them. `high_price` is what an instant buyer last
// paid, `low_price` what an instant seller last got; both are the last trades of their kind, so the
// low one may lie above the high one.
struct ItemFacts {
  int id = 0;                             // the game's item id, 1..2147483647
  std::string name;                       // UTF-8
  std::optional<std::int64_t> buy_limit;  // items per 4 h; none = no limit
  std::int64_t high_price = 0;            // gp, 1..2147483647
  std::int64_t low_price = 0;             // gp, 1..2147483647
  std::int64_t high_volume_1h = 0;        // items bought at the high price in an hour
  std::int64_t low_volume_1h = 0;         // items sold at the low price in an hour
};

// The 26 items that the program knows by itself, with their facts of 2025-12-27.
[[nodiscard]] const std::vector<ItemFacts>& builtin_items();

}  // namespace market
