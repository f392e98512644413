#include "market/exchange/buy_limits.h"

#include <doctest/doctest.h>

using market::BuyLimits;
using market::kBuyLimitWindow_s;

TEST_CASE("buy limits: an item without a limit has none left to run out of") {
  BuyLimits limits({std::nullopt});
  CHECK_FALSE(limits.remaining(0, 0).has_value());
  limits.record(0, 2'147'483'647, 0);
  limits.record(0, 2'147'483'647, 0);
  CHECK_FALSE(limits.remaining(0, 0).has_value());
}

TEST_CASE("buy limits: a purchase counts for exactly four hours") {
  BuyLimits limits({70});
  limits.record(0, 70, 1000);
  CHECK(limits.remaining(0, 1000) == 0);
  CHECK(limits.remaining(0, 1000 + kBuyLimitWindow_s - 1) == 0);
  CHECK(limits.remaining(0, 1000 + kBuyLimitWindow_s) == 70);
}

TEST_CASE("buy limits: the window rolls, it does not start over") {
  BuyLimits limits({10});
  limits.record(0, 4, 0);
  limits.record(0, 6, 3600);
  CHECK(limits.remaining(0, kBuyLimitWindow_s - 1) == 0);
  CHECK(limits.remaining(0, kBuyLimitWindow_s) == 4);
  limits.record(0, 4, kBuyLimitWindow_s);
  CHECK(limits.remaining(0, kBuyLimitWindow_s + 3599) == 0);
  CHECK(limits.remaining(0, kBuyLimitWindow_s + 3600) == 6);
}

TEST_CASE("buy limits: items are counted apart") {
  BuyLimits limits({8, 8});
  limits.record(0, 8, 0);
  CHECK(limits.remaining(0, 0) == 0);
  CHECK(limits.remaining(1, 0) == 8);
}
