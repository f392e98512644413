// What a price feed says of one item at one moment.
#pragma once

#include <algorithm>
#include <cstdint>

namespace market {

constexpr std::int64_t kStep_s = 5 * 60;  // one step of the market, in market seconds

// The last trades of either kind and what changed hands during the step that has just ended.
struct Quote {
  std::int64_t high = 1;    // gp, 1..kPriceMax: what an instant buyer last paid
  std::int64_t low = 1;     // gp, 1..kPriceMax: what an instant seller last got; may exceed `high`
  std::int64_t bought = 0;  // items bought at the high price during the step
  std::int64_t sold = 0;    // items sold at the low price during the step

  // The prices at which one can trade at once. The feed's two prices are trades of different
  // moments and may cross; the book behind them never does.
  [[nodiscard]] std::int64_t ask() const { return std::max(high, low); }
  [[nodiscard]] std::int64_t bid() const { return std::min(high, low); }
  [[nodiscard]] double mid() const {
    return 0.5 * (static_cast<double>(high) + static_cast<double>(low));
  }
};

}  // namespace market
