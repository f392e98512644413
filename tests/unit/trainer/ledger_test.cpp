#include "trainer/env/ledger.h"

#include <doctest/doctest.h>

using trainer::Ledger;

TEST_CASE("ledger: a sale's profit is over the average cost") {
  Ledger ledger(2);
  ledger.bought(0, 10, 1000);
  ledger.bought(0, 10, 3000);
  CHECK(ledger.cost(0) == 4000);
  CHECK(ledger.sold(0, 5, 1500) == 500);
  CHECK(ledger.quantity(0) == 15);
  CHECK(ledger.cost(0) == 3000);
  CHECK(ledger.realized() == 500);
  CHECK(ledger.quantity(1) == 0);
}

TEST_CASE("ledger: profits add up exactly, also where the average cost is no whole number") {
  Ledger ledger(1);
  ledger.bought(0, 3, 100);
  std::int64_t profit = 0;
  for (int i = 0; i < 3; ++i) profit += ledger.sold(0, 1, 40);
  CHECK(profit == 20);
  CHECK(ledger.cost(0) == 0);
  CHECK(ledger.quantity(0) == 0);
}

TEST_CASE("ledger: costs whose product with a quantity exceeds 64 bits") {
  Ledger ledger(1);
  const std::int64_t cost = 800'000'000'000'000'007;
  ledger.bought(0, 400'000'000, cost);
  const std::int64_t first = ledger.sold(0, 399'999'999, cost);
  CHECK(ledger.cost(0) > 0);
  CHECK(first + ledger.sold(0, 1, 0) == 0);
}
