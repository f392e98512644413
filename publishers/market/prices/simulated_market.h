// A market of several items that moves by itself in steps of five minutes.
#pragma once

#include <cstdint>
#include <vector>

#include "market/items/item.h"
#include "market/prices/price_process.h"
#include "market/prices/quote.h"
#include "market/prices/rng.h"

namespace market {

// The quotes of a list of items over time. Whoever trades on it does not move it: its course is a
// function of the items and the seed alone, so different traders can be compared on the same
// market. Belongs to one thread.
class SimulatedMarket {
 public:
  // REQUIRES: at least one item; prices within 1..kPriceMax, volumes >= 0.
  SimulatedMarket(std::vector<ItemFacts> items, std::uint64_t seed);

  // Lets five minutes pass.
  void advance();

  // The seconds since the market opened; a multiple of kStep_s.
  [[nodiscard]] std::int64_t now_s() const { return now_s_; }
  [[nodiscard]] const std::vector<ItemFacts>& items() const { return items_; }
  // The newest quotes, in the order of items().
  [[nodiscard]] const std::vector<Quote>& quotes() const { return quotes_; }

 private:
  std::vector<ItemFacts> items_;
  Rng rng_;
  double day_phase_;  // 0..1: the time of day at which the market opened
  std::int64_t now_s_ = 0;
  std::vector<PriceProcess> processes_;
  std::vector<Quote> quotes_;
};

}  // namespace market
