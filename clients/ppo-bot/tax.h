// The Grand Exchange's tax on sales, as a trader who knows items by their names needs it.
#pragma once

#include <cstdint>
#include <string_view>

namespace bot {

inline constexpr std::int64_t kPriceMax = 2'147'483'647;   // gp; the game's prices are 32 bits wide
inline constexpr std::int64_t kTaxPercent = 2;             // of the price of each item sold
inline constexpr std::int64_t kTaxFreeBelow = 50;          // gp; cheaper items are not taxed
inline constexpr std::int64_t kTaxPerItemMax = 5'000'000;  // gp
inline constexpr std::string_view kBond = "Old school bond";  // not taxed

// What the seller of ONE item gets at `price` gp: the price less 2 %, rounded down for each item.
// REQUIRES: 1 <= price <= kPriceMax
[[nodiscard]] std::int64_t price_after_tax(std::string_view item, std::int64_t price);

}  // namespace bot
