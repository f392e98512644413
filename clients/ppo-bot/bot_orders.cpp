// What the bot does to the account: orders placed, taken back and looked for.

#include <algorithm>
#include <cstdlib>

#include "feed/json.h"
#include "ppo-bot/bot.h"

namespace bot {
namespace {

namespace json = feed::json;
using json::Object;

// Whether the target itself is refused: no other order will do better.
bool refuses_target(std::string_view command, const feed::Answer& answer) {
  if (answer.error_type == "unknown_command") return command == "place_order";
  for (const char* const type :
       {"ambiguous_target", "unknown_target", "unauthorized", "forbidden"}) {
    if (answer.error_type == type) return true;
  }
  return false;
}

}  // namespace

void Bot::carry_out(const Action& action) {
  if (action.kind == Action::Kind::kCancel) {
    cancel(action.order, options_.feed.timeout);
  } else if (action.kind == Action::Kind::kCheck) {
    check(action.order);
  } else {
    place(action);
  }
}

void Bot::place(const Action& action) {
  const std::uint64_t number = strategy_.begin(action, now());
  const Order order = strategy_.orders().at(number);
  std::string what = describe(order.side, order.quantity, order.item, order.price);
  Object fields = order_fields(order);
  if (options_.dry_run) {
    diary_.note(now(), to_string(order.side), "would " + what, fields.add("dry_run", "true"));
    strategy_.on_placed(number, Outcome::kDone, "", "", now());
    return;
  }
  Object params;
  params.add_string("item", order.item).add_string("side", to_string(order.side));
  params.add("quantity", std::to_string(order.quantity)).add("price", std::to_string(order.price));
  const feed::Answer answer = ask_target(
      "place_order", params.text(), name_ + "-" + std::to_string(number), options_.feed.timeout);
  const Outcome outcome = answer.kind;
  if (outcome == Outcome::kDone && !answer.source.empty()) account_source_ = answer.source;
  const std::string id(json::member(answer.result, "order"));
  strategy_.on_placed(number, outcome, id, answer.source, now());
  if (!id.empty()) fields.add("trainer_order", id);
  fields.add_string("outcome", outcome == Outcome::kDone ? "placed" : answer.error_type);
  if (outcome != Outcome::kDone) what += ": " + why(answer);
  if (outcome == Outcome::kUnknown) what += "; counts as placed until it is taken back";
  diary_.note(now(), to_string(order.side), what, fields);
  if (answer.error_type == "rejected" && order.side == Side::kSell) compare_holdings();
}

// A target that is refused as such is left alone, for longer and longer.
feed::Answer Bot::ask_target(std::string_view command, const std::string& params,
                             std::string_view key, milliseconds wait) {
  feed::Answer answer = feed_.ask(command, params, options_.target, key, wait);
  if (answer.kind == Outcome::kDone) target_pause_ = options_.target_pause;
  if (!refuses_target(command, answer) || Clock::now() < no_order_before_) return answer;
  no_order_before_ = Clock::now() + target_pause_;
  diary_.note(
      now(), "target",
      why(answer) + "; nothing is tried for " + std::to_string(target_pause_.count()) + " ms",
      Object()
          .add_string("error_type", answer.error_type)
          .add_number("pause_ms", static_cast<std::uint64_t>(target_pause_.count())));
  target_pause_ = std::min(2 * target_pause_, options_.target_pause_max);
  return answer;
}

// What became of an order that ended by itself, by what the account holds.
void Bot::check(std::uint64_t number) {
  const Order order = strategy_.orders().at(number);
  const feed::Answer answer = ask_target("get_portfolio", "{}", "", options_.feed.timeout);
  if (answer.kind == Outcome::kUnknown || refuses_target("get_portfolio", answer)) {
    strategy_.on_cancelled(number, Outcome::kUnknown, now());  // it is asked again
    return;
  }
  const auto inventory = read_inventory(answer.result);
  std::optional<std::int64_t> quantity;
  if (inventory) quantity = inventory->count(order.item) == 0 ? 0 : inventory->at(order.item);
  const std::int64_t before = strategy_.held(order.item);
  const bool known = strategy_.on_account_checked(number, quantity);
  diary_.note(now(), known ? "checked" : "frozen",
              known ? "the ended order brought " +
                          std::to_string(std::abs(strategy_.held(order.item) - before)) + " " +
                          order.item
                    : order.item + " is left alone from here on: what its order brought is unknown",
              order_fields(order));
}

void Bot::cancel(std::uint64_t number, milliseconds wait) {
  const Order order = strategy_.orders().at(number);
  std::string what = describe(order.side, order.left(), order.item, order.price);
  Object fields = order_fields(order);
  if (options_.dry_run) {
    diary_.note(now(), "cancel", "would " + what, fields.add("dry_run", "true"));
    strategy_.on_cancelled(number, Outcome::kDone, now());
    return;
  }
  // Without the trainer's name for it, it has to be found first, and may not be there at all.
  const Outcome found = order.id.empty() ? look_up(order, wait) : Outcome::kDone;
  feed::Answer answer;
  if (found == Outcome::kDone) {
    const std::string& id = strategy_.orders().at(number).id;
    answer = ask_target("cancel_order", Object().add("order", id).text(), "", wait);
  } else {
    answer.error_type = found == Outcome::kRefused ? "rejected" : "no_answer";
    answer.error = found == Outcome::kRefused ? "the account has no such order"
                                              : "whether it stands is still not known";
  }
  const bool done = answer.kind == Outcome::kDone;
  // A trainer that says no has no such order (any more).
  const bool rejected = answer.error_type == "rejected";
  strategy_.on_cancelled(number,
                         rejected ? Outcome::kRefused
                         : done   ? Outcome::kDone
                                  : Outcome::kUnknown,
                         now(), read_filled(answer.result));
  fields.add_string("outcome", done ? "cancelled" : answer.error_type);
  if (!done) what += ": " + why(answer);
  diary_.note(now(), "cancel", what, fields);
}

// Looks for an order whose answer never came among the account's. kRefused: it is not there, and
// what was sent before this question cannot come any more.
Outcome Bot::look_up(const Order& order, milliseconds wait) {
  const feed::Answer answer = ask_target("get_portfolio", "{}", "", wait);
  const std::string_view listed = json::member(answer.result, "orders");
  if (answer.kind != Outcome::kDone || listed.empty() || listed.front() != '[') {
    return Outcome::kUnknown;
  }
  std::string id;
  json::for_each_element(listed, [&](std::string_view entry) {
    const std::string_view number = json::member(entry, "order");
    const auto& orders = strategy_.orders();
    const bool known = std::any_of(orders.begin(), orders.end(),
                                   [&](const auto& ours) { return same(ours.second.id, number); });
    const auto says = [&](const char* key, const std::string& value) {
      return same(json::member(entry, key), value);
    };
    if (!number.empty() && !known && says("item", json::quote(order.item)) &&
        says("side", json::quote(to_string(order.side))) &&
        says("price", std::to_string(order.price)) &&
        says("quantity", std::to_string(order.quantity))) {
      id = number;
    }
  });
  if (id.empty()) return Outcome::kRefused;
  strategy_.on_found(order.number, id);
  return Outcome::kDone;
}

// A sale that the account will not make: it may hold less than we believe.
void Bot::compare_holdings() {
  const auto inventory =
      read_inventory(ask_target("get_portfolio", "{}", "", options_.feed.timeout).result);
  if (inventory) believe_holdings(*inventory);
}

// The account holds no more than that.
void Bot::believe_holdings(const Inventory& inventory) {
  for (const std::string& item : strategy_.items_held()) {
    const std::int64_t before = strategy_.held(item);
    const auto found = inventory.find(item);
    const auto quantity = found == inventory.end() ? std::optional<std::int64_t>(0) : found->second;
    strategy_.on_holding(item, quantity.value_or(before));
    if (strategy_.held(item) == before) continue;
    diary_.note(
        now(), "holding",
        "the account holds " + std::to_string(strategy_.held(item)) + " " + item + ", not " +
            std::to_string(before),
        Object().add_string("item", item).add("held", std::to_string(strategy_.held(item))));
  }
}

}  // namespace bot
