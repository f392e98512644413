// The discrete actions of the flipping environment.
//
// With K items on the watch list there are 1 + 2 K actions: 0 holds, 1 + 2 k buys item k, 2 + 2 k
// sells it.
#pragma once

#include <cstddef>

namespace trainer {

enum class ActionType { kHold, kBuy, kSell };

[[nodiscard]] constexpr const char* to_string(ActionType type) {
  return type == ActionType::kHold ? "hold" : type == ActionType::kBuy ? "buy" : "sell";
}

constexpr std::size_t kHoldAction = 0;
[[nodiscard]] constexpr std::size_t action_count(std::size_t items) {
  return 1 + 2 * items;
}
[[nodiscard]] constexpr std::size_t buy_action(std::size_t item) {
  return 1 + 2 * item;
}
[[nodiscard]] constexpr std::size_t sell_action(std::size_t item) {
  return 2 + 2 * item;
}

[[nodiscard]] constexpr ActionType type_of(std::size_t action) {
  if (action == kHoldAction) return ActionType::kHold;
  return action % 2 == 1 ? ActionType::kBuy : ActionType::kSell;
}
// REQUIRES: action is not kHoldAction.
[[nodiscard]] constexpr std::size_t item_of(std::size_t action) {
  return (action - 1) / 2;
}

}  // namespace trainer
