// Why the exchange refused an offer, for people.
#pragma once

#include "market/exchange/exchange.h"

namespace trainer {

[[nodiscard]] inline const char* refusal_text(market::Refusal refusal) {
  using market::Refusal;
  switch (refusal) {
    case Refusal::kNoFreeSlot:
      return "all eight slots hold an offer";
    case Refusal::kNotEnoughGp:
      return "it costs more than the gp at hand";
    case Refusal::kNotEnoughItems:
      return "fewer items are at hand than offered";
    case Refusal::kBuyLimitReached:
      return "the 4 h buy limit is used up";
    case Refusal::kNone:
    case Refusal::kUnknownItem:
    case Refusal::kBadPrice:
    case Refusal::kBadQuantity:
      break;
  }
  return "the offer is malformed";
}

}  // namespace trainer
