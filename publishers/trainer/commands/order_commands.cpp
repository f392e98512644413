#include <algorithm>
#include <limits>
#include <string>

#include "market/exchange/tax.h"
#include "trainer/commands/trainer_commands.h"
#include "trainer/env/refusal_text.h"

namespace trainer {
namespace {

ppo::Object as_object(const Order& order, const FlipEnv& env) {
  return {{"order", order.number},
          {"slot", order.slot},
          {"side", market::to_string(order.offer.side)},
          {"item", env.exchange().items()[order.offer.item].name},
          {"price", order.offer.price},
          {"quantity", order.offer.quantity},
          {"filled", order.offer.filled}};
}

}  // namespace

TrainerCommands::Result TrainerCommands::get_portfolio(const Targets& targets,
                                                       CommandParams& params) {
  if (const std::string wrong = params.complaint(); !wrong.empty()) return Result::rejected(wrong);
  if (!training_.training()) return Result::rejected("training has ended");
  return per_agent(targets, [&](std::size_t n) {
    const Seat& seat = training_.seat(n);
    const StepInfo account = seat.env.account();
    ppo::List orders;
    for (const Order& order : seat.env.orders()) orders.add(as_object(order, seat.env));
    return ppo::Object{{"gp", account.cash},
                       {"inventory", account.inventory},
                       {"total_value", account.total_value},
                       {"inventory_value", account.inventory_value},
                       {"realized_pnl", account.realized_pnl},
                       {"orders", orders},
                       {"step", seat.steps_done}};
  });
}

TrainerCommands::Result TrainerCommands::place_order(const Targets& targets,
                                                     CommandParams& params) {
  const std::string item = params.text("item");
  const bool buys = params.one_of("side", {"buy", "sell"}) == "buy";
  const auto quantity = params.integer("quantity", 1, market::kOfferQuantityMax);
  const auto price = params.integer("price", 1, market::kPriceMax);
  if (const std::string wrong = params.complaint(); !wrong.empty()) return Result::rejected(wrong);
  if (targets.size() != 1) return needs_one_agent();
  if (!training_.training()) return Result::rejected("training has ended");
  Seat& seat = training_.seat(targets.front());
  const auto& items = seat.env.exchange().items();
  const auto found = std::find_if(items.begin(), items.end(), [&](const market::ItemFacts& facts) {
    return facts.name == item;
  });
  if (found == items.end()) {
    std::string names;
    for (const market::ItemFacts& facts : items) names += (names.empty() ? "" : ", ") + facts.name;
    return Result::rejected("item is '" + item.substr(0, 100) + "'; must be one of " + names);
  }
  Order placed;
  const market::Refusal refusal = seat.env.place_order(
      buys ? market::Side::kBuy : market::Side::kSell,
      static_cast<std::size_t>(found - items.begin()), price, quantity, placed);
  if (refusal != market::Refusal::kNone) {
    return Result::rejected(std::string("the exchange refused (") + market::to_string(refusal) +
                            "): " + refusal_text(refusal));
  }
  seat.observation = seat.env.observe();
  return per_agent(targets, [&](std::size_t) { return as_object(placed, seat.env); });
}

TrainerCommands::Result TrainerCommands::cancel_order(const Targets& targets,
                                                      CommandParams& params) {
  const bool by_slot = params.has("slot");
  const bool by_number = params.has("order");
  std::int64_t slot = 0;
  std::int64_t number = 0;
  if (by_slot) slot = params.integer("slot", 0, market::kOfferSlots - 1);
  if (by_number || !by_slot) {
    number = params.integer("order", 1, std::numeric_limits<std::int64_t>::max());
  }
  if (const std::string wrong = params.complaint(); !wrong.empty()) return Result::rejected(wrong);
  if (targets.size() != 1) return needs_one_agent();
  if (!training_.training()) return Result::rejected("training has ended");
  Seat& seat = training_.seat(targets.front());
  for (const Order& order : seat.env.orders()) {
    if (by_number && order.number != number) continue;
    if (by_slot && order.slot != static_cast<std::size_t>(slot)) continue;
    seat.env.cancel_order(order);
    seat.observation = seat.env.observe();
    return per_agent(targets, [&](std::size_t) { return as_object(order, seat.env); });
  }
  return Result::rejected(by_number ? "order " + std::to_string(number) + " is not open" +
                                          (by_slot ? " in that slot" : "")
                                    : "slot " + std::to_string(slot) + " holds no open order");
}

}  // namespace trainer
