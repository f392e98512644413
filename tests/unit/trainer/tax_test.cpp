#include "market/exchange/tax.h"

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

TEST_CASE("tax: a hammer and what else new players need is exempt, at any price") {
  for (const int id : {233, 952, 1755, 2347, 8007, 13190, 28824}) {
    CAPTURE(id);
    CHECK(market::is_tax_exempt(id));
    CHECK(tax_per_item(id, 1'000'000) == 0);
  }
  int exempt = 0;
  for (int id = -1; id < 40'000; ++id) exempt += market::is_tax_exempt(id) ? 1 : 0;
  CHECK(exempt == 48);
  CHECK_FALSE(market::is_tax_exempt(2346));
}

TEST_CASE("tax: bonds are exempt") {
  CHECK(tax_per_item(kBondItemId, 14'017'360) == 0);
  CHECK(price_after_tax(kBondItemId, 2'147'483'647) == 2'147'483'647);
}
