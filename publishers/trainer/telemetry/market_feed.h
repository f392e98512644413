// Publishes the market's prices, margins and volume analyses.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <ppo_publisher/publisher.h>

#include "trainer/env/flip_env.h"
#include "trainer/telemetry/detail_budget.h"

namespace trainer {

// For each item by market time: a price at most every 15 min and only when it has moved by a
// thousandth, a margin at most once an hour, an analysis every 4 h; all of them as far as the
// budget goes. What the budget puts off comes with a later step. Belongs to one thread; what it is
// given must outlive it.
class MarketFeed {
 public:
  MarketFeed(ppo::Publisher& publisher, DetailBudget& budget);

  // A new market begins: nothing of the last one is compared with.
  void begin() { items_.clear(); }

  // Publishes what is due of the market as it stands; once a step.
  void moved(const FlipEnv& env);

 private:
  // What was last published of an item, and when in market time.
  struct ItemState {
    bool seen = false;
    std::int64_t price = 0;
    std::int64_t price_at_s = 0;
    std::int64_t margin_due_s = 0;
    std::int64_t analysis_due_s = 0;
  };

  void publish_price(const FlipEnv& env, std::size_t item, ItemState& state);
  void publish_margin(const FlipEnv& env, std::size_t item, ItemState& state);
  void publish_analysis(const FlipEnv& env, std::size_t item, ItemState& state);
  [[nodiscard]] bool may_publish();

  ppo::Publisher& publisher_;
  DetailBudget& budget_;
  std::vector<ItemState> items_;
};

}  // namespace trainer
