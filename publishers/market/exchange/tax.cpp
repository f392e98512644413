#include "market/exchange/tax.h"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace market {
namespace {

// In ascending order: tools, food, low arrows and darts, teleports, energy potions, and the bond.
constexpr int kExemptIds[] = {233,  315,  329,  347,  351,  355,   361,   365,  379,  558,
                              806,  807,  808,  882,  884,  886,   952,   1733, 1735, 1755,
                              1785, 1891, 2140, 2142, 2309, 2327,  2347,  2552, 3008, 3010,
                              3012, 3014, 3853, 5325, 5329, 5331,  5341,  5343, 8007, 8008,
                              8009, 8010, 8011, 8013, 8794, 13190, 28790, 28824};

}  // namespace

bool is_tax_exempt(int item_id) {
  return std::binary_search(std::begin(kExemptIds), std::end(kExemptIds), item_id);
}

std::int64_t tax_per_item(int item_id, std::int64_t price) {
  assert(price >= 1 && price <= kPriceMax);
  if (price < kTaxFreeBelow || is_tax_exempt(item_id)) return 0;
  return std::min(price * kTaxPercent / 100, kTaxPerItemMax);
}

std::int64_t price_after_tax(int item_id, std::int64_t price) {
  return price - tax_per_item(item_id, price);
}

}  // namespace market
