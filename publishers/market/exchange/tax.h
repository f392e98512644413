// The Grand Exchange's tax on sales, as it is since 29 May 2025.
#pragma once

#include <cstdint>

namespace market {

constexpr std::int64_t kPriceMax = 2'147'483'647;   // gp; the game's prices are 32-bit integers
constexpr std::int64_t kTaxPercent = 2;             // of the price of each item sold
constexpr std::int64_t kTaxFreeBelow = 50;          // gp; cheaper items are not taxed
constexpr std::int64_t kTaxPerItemMax = 5'000'000;  // gp
constexpr int kBondItemId = 13190;                  // Old school bond

// Bonds, and the 47 items that new players need: not taxed.
[[nodiscard]] bool is_tax_exempt(int item_id);

// The tax in gp on ONE item sold at `price` gp: 2 % rounded down, none below 50 gp, at most
// 5,000,000 gp, none where the item is exempt. It is rounded per item, so a sale of n items pays n
// times this.
// REQUIRES: 1 <= price <= kPriceMax.
[[nodiscard]] std::int64_t tax_per_item(int item_id, std::int64_t price);

// What the seller of ONE item gets: `price` less its tax, in gp. REQUIRES: as tax_per_item.
[[nodiscard]] std::int64_t price_after_tax(int item_id, std::int64_t price);

}  // namespace market
