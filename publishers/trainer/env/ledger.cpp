#include "trainer/env/ledger.h"

#include <cassert>

namespace trainer {

void Ledger::bought(std::size_t item, std::int64_t quantity, std::int64_t total) {
  assert(item < positions_.size() && quantity > 0 && total >= 0);
  positions_[item].quantity += quantity;
  positions_[item].cost += total;
}

std::int64_t Ledger::sold(std::size_t item, std::int64_t quantity, std::int64_t proceeds) {
  assert(item < positions_.size());
  Position& position = positions_[item];
  assert(quantity > 0 && quantity <= position.quantity);
  std::int64_t cost = position.cost;
  if (quantity < position.quantity) {
    // cost * quantity may exceed 64 bits; whole and broken parts of the average do not.
    const std::int64_t average = position.cost / position.quantity;
    const std::int64_t rest = position.cost % position.quantity;
    const double rest_share =
        static_cast<double>(quantity) / static_cast<double>(position.quantity);
    cost = average * quantity + static_cast<std::int64_t>(static_cast<double>(rest) * rest_share);
  }
  position.quantity -= quantity;
  position.cost -= cost;
  const std::int64_t profit = proceeds - cost;
  realized_ += profit;
  return profit;
}

}  // namespace trainer
