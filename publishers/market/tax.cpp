#include "market/tax.h"

#include <algorithm>
#include <cassert>

namespace market {

std::int64_t tax_per_item(int item_id, std::int64_t price) {
  assert(price >= 1 && price <= kPriceMax);
  if (price < kTaxFreeBelow || item_id == kBondItemId) return 0;
  return std::min(price * kTaxPercent / 100, kTaxPerItemMax);
}

std::int64_t price_after_tax(int item_id, std::int64_t price) {
  return price - tax_per_item(item_id, price);
}

}  // namespace market
