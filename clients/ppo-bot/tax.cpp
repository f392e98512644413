#include "ppo-bot/tax.h"

#include <algorithm>
#include <cassert>

namespace bot {

std::int64_t price_after_tax(std::string_view item, std::int64_t price) {
  assert(price >= 1 && price <= kPriceMax);
  if (price < kTaxFreeBelow || item == kBond) return price;
  return price - std::min(price * kTaxPercent / 100, kTaxPerItemMax);
}

}  // namespace bot
