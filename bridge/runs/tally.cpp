#include "runs/tally.h"

#include "event/event_fields.h"

namespace bridge {

void Tally::add_trade(std::string_view data) {
  std::string_view profit_text, total, price, quantity, action;
  read_members(data, {{"profit", &profit_text},
                      {"total_value", &total},
                      {"price", &price},
                      {"quantity", &quantity},
                      {"action_type", &action}});
  ++trades;
  const double gain = number_of(profit_text).value_or(0);
  if (gain != 0) profit.add(gain);
  if (gain > 0) ++wins;
  const auto is = [&](std::size_t i, char c) {
    return i < action.size() && (action[i] | 0x20) == c;
  };
  if (gain != 0 || (is(1, 's') && is(2, 'e') && is(3, 'l') && is(4, 'l'))) ++closed;
  const auto told = number_of(total);
  const double moved =
      told ? *told : number_of(price).value_or(0) * number_of(quantity).value_or(0);
  if (moved != 0 && std::isfinite(moved)) volume.add(moved);
}

void Tally::add_portfolio(std::string_view data) {
  std::string_view total;
  read_members(data, {{"total_value", &total}});
  if (const auto told = number_of(total)) value = told;
}

}  // namespace bridge
