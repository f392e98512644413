#include "market/tax.h"

#include <doctest/doctest.h>

using market::kBondItemId;
using market::price_after_tax;
using market::tax_per_item;

namespace {
constexpr int kWhip = 4151;
}

TEST_CASE("tax: nothing below 50 gp, 1 gp from 50 to 99, 2 gp at 100") {
  CHECK(tax_per_item(kWhip, 1) == 0);
  CHECK(tax_per_item(kWhip, 49) == 0);
  CHECK(tax_per_item(kWhip, 50) == 1);
  CHECK(tax_per_item(kWhip, 99) == 1);
  CHECK(tax_per_item(kWhip, 100) == 2);
  CHECK(tax_per_item(kWhip, 149) == 2);
}

TEST_CASE("tax: 2 % of a large price, rounded down") {
  CHECK(tax_per_item(kWhip, 1'670'794) == 33'415);
  CHECK(price_after_tax(kWhip, 1'670'794) == 1'637'379);
}

TEST_CASE("tax: never more than 5,000,000 gp an item") {
  CHECK(tax_per_item(kWhip, 249'999'999) == 4'999'999);
  CHECK(tax_per_item(kWhip, 250'000'000) == 5'000'000);
  CHECK(tax_per_item(kWhip, 250'000'050) == 5'000'000);
  CHECK(tax_per_item(kWhip, 2'147'483'647) == 5'000'000);
}

TEST_CASE("tax: bonds are exempt") {
  CHECK(tax_per_item(kBondItemId, 14'017'360) == 0);
  CHECK(price_after_tax(kBondItemId, 2'147'483'647) == 2'147'483'647);
}
