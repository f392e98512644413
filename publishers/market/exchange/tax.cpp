#include "market/exchange/tax.h"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace market {
namespace {

constexpr int kExemptIds[] = {TAX_EXEMPT_IDS};  // of tax_exempt.csv, in ascending order

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
