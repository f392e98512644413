#include "market/exchange/buy_limits.h"

#include <cassert>
#include <utility>

namespace market {

BuyLimits::BuyLimits(std::vector<std::optional<std::int64_t>> limits) {
  windows_.reserve(limits.size());
  for (const auto& limit : limits) windows_.push_back({limit, {}});
}

std::optional<std::int64_t> BuyLimits::remaining(std::size_t item, std::int64_t now_s) const {
  assert(item < windows_.size());
  const Window& window = windows_[item];
  if (!window.limit) return std::nullopt;
  std::int64_t left = *window.limit;
  for (const Purchase& purchase : window.purchases) {
    if (purchase.time_s > now_s - kBuyLimitWindow_s) left -= purchase.quantity;
  }
  return left;
}

void BuyLimits::record(std::size_t item, std::int64_t quantity, std::int64_t now_s) {
  assert(item < windows_.size() && quantity > 0);
  Window& window = windows_[item];
  if (!window.limit) return;  // nothing to count, so nothing to keep
  assert(quantity <= *remaining(item, now_s));
  auto& purchases = window.purchases;
  while (!purchases.empty() && purchases.front().time_s <= now_s - kBuyLimitWindow_s) {
    purchases.pop_front();
  }
  assert(purchases.empty() || purchases.back().time_s <= now_s);
  if (!purchases.empty() && purchases.back().time_s == now_s) {
    purchases.back().quantity += quantity;
  } else {
    purchases.push_back({now_s, quantity});
  }
}

}  // namespace market
