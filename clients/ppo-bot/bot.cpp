#include "ppo-bot/bot.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "feed/json.h"

namespace bot {
namespace {

namespace json = feed::json;
using json::Object;

// How soon a signal is noticed, and an order's age, while nothing comes.
constexpr milliseconds kTick{50};
// Between attempts at what the bridge did not answer.
constexpr milliseconds kRetry{200};
// Actions between two looks at what came in.
constexpr int kActionsMax = 16;
// At most so many starts of sources are remembered; they are few in any sensible set-up.
constexpr std::size_t kSourcesMax = 1'000;

Moment now() {
  return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
}

LinkOptions named(LinkOptions options, const std::string& name) {
  options.name = name;
  return options;
}

std::string gp(std::int64_t value) {
  return std::to_string(value) + " gp";
}

std::string describe(Side side, std::int64_t quantity, const std::string& item,
                     std::int64_t price) {
  return std::string(to_string(side)) + " " + std::to_string(quantity) + " " + item + " at " +
         gp(price);
}

Object order_fields(const Order& order) {
  Object fields;
  fields.add_number("order", order.number);
  if (!order.id.empty()) fields.add("trainer_order", order.id);
  fields.add_string("item", order.item).add_string("side", to_string(order.side));
  fields.add("quantity", std::to_string(order.quantity)).add("price", std::to_string(order.price));
  return fields;
}

std::string why(const Answer& answer) {
  return answer.error_type + (answer.error.empty() ? "" : ": " + answer.error);
}

Outcome outcome_of(const Answer& answer) {
  switch (answer.kind) {
    case Answer::Kind::kDone:
      return Outcome::kDone;
    case Answer::Kind::kRefused:
      return Outcome::kRefused;
    case Answer::Kind::kUnknown:
      return Outcome::kUnknown;
  }
  return Outcome::kUnknown;
}

}  // namespace

Bot::Bot(const BotOptions& options, Diary& diary, std::function<bool()> stop)
    : options_(options),
      diary_(diary),
      stop_(std::move(stop)),
      name_("ppo-bot-" + std::to_string(::getpid()) + "-" +
            std::to_string(now().time_since_epoch().count())),
      link_(named(options.link, name_), stop_),
      strategy_(options.limits) {}

ExitCode Bot::run() {
  diary_.note(now(), "start",
              std::string(options_.dry_run ? "dry run for " : "trading for ") + options_.target,
              Object()
                  .add_string("target", options_.target)
                  .add("dry_run", options_.dry_run ? "true" : "false"));
  while (!stop_() && !refused_) {
    for (const Event& event : link_.poll(kTick)) take(event);
    if (link_.connected() != was_connected_) {
      was_connected_ = link_.connected();
      diary_.note(now(), was_connected_ ? "connected" : "cut",
                  was_connected_ ? "to " + options_.link.events
                                 : "connection lost; nothing is done until all is known again",
                  Object().add_string("endpoint", options_.link.events));
    }
    if (!link_.connected()) continue;
    if (!link_.sound() || Clock::now() >= next_check_) {
      const bool reachable = catch_up("");
      next_check_ = Clock::now() + (reachable ? options_.check_interval : kRetry);
      if (!reachable) continue;
    }
    keep_switch_armed();
    act();
  }
  leave();
  return refused_ ? kExitRefused : kExitOk;
}

bool Bot::catch_up(const std::string& item) {
  const std::uint64_t since = link_.certain_seq();
  BridgeLink::CatchUp news = link_.catch_up(item);
  if (news.epoch_changed) {
    strategy_.forget_prices();
    diary_.note(now(), "epoch", "the bridge numbers anew: epoch " + link_.epoch(),
                Object().add_string("epoch", link_.epoch()));
  }
  for (const Event& event : news.events) take(event);
  if (news.lost) {
    const std::size_t frozen = strategy_.on_fills_lost();
    diary_.note(now(), "lost",
                "the bridge no longer holds all since " + std::to_string(since) + "; " +
                    std::to_string(frozen) + " items with orders are left alone from here on",
                Object().add_number("since_seq", since).add_number("items_frozen", frozen));
  }
  const bool done = news.kind == BridgeLink::CatchUp::Kind::kDone;
  if (done && news.after_cut) {
    next_arming_ = {};  // a restarted bridge knows of no switch
    diary_.note(now(), "caught-up",
                std::to_string(news.events.size()) + " events since " + std::to_string(since) +
                    (news.lost ? "" : ", nothing missing"),
                Object()
                    .add_number("events", news.events.size())
                    .add_number("since_seq", since)
                    .add_number("seq", link_.certain_seq())
                    .add_string("epoch", link_.epoch()));
  }
  refused_ = news.kind == BridgeLink::CatchUp::Kind::kRefused;
  if (!done && !stop_() && (was_reachable_ || refused_)) {
    diary_.note(now(), refused_ ? "refused" : "waiting",
                "the bridge does not answer: " + news.error,
                Object().add_string("error", news.error));
  }
  was_reachable_ = done;
  return done;
}

bool Bot::is_ours(const Event& event) const {
  const std::string agent = agent_of(event);
  const std::string& target = options_.target;
  return target == agent || target == event.source || target == event.source + "/" + agent;
}

// A trainer that started again has a new account.
void Bot::notice_restart(const Event& event) {
  if (event.source.empty() || event.run.empty()) return;
  if (starts_.size() >= kSourcesMax && starts_.count(event.source) == 0) return;
  Start& start = starts_[event.source];
  // An old event that comes again is no restart.
  if (event.at < start.at) return;
  const bool another = !start.run.empty() && start.run != event.run;
  start = {event.run, event.at};
  if (!another || event.source != account_source_) return;
  strategy_.on_account_reset();
  diary_.note(now(), "restart", event.source + " started again: a new account",
              Object().add_string("source", event.source).add_string("run", event.run));
}

void Bot::take(const Event& event) {
  notice_restart(event);
  if (const auto price = read_price(event)) {
    strategy_.on_price(*price);
    return;
  }
  if (!is_ours(event) || options_.dry_run) return;
  if (event.type == kEpisodeType) {
    const bool anything = !strategy_.orders().empty() || strategy_.exposure() > 0;
    strategy_.on_account_reset();
    if (anything) diary_.note(now(), "episode", "the account starts over; its items are gone");
    return;
  }
  const auto fill = read_fill(event);
  if (!fill) return;
  const auto booked = strategy_.on_fill(*fill);
  if (!booked) return;
  const Order& order = booked->order;
  std::string sentence = describe(order.side, booked->quantity, order.item, booked->price);
  if (order.side == Side::kSell) sentence += ", profit " + gp(booked->profit) + " after tax";
  Object fields = order_fields(order);
  fields.add("filled", std::to_string(booked->quantity));
  fields.add("filled_price", std::to_string(booked->price));
  fields.add("profit", std::to_string(booked->profit)).add_number("seq", event.seq);
  fields.add("held", std::to_string(strategy_.held(order.item)));
  diary_.note(now(), "fill", sentence, fields);
}

void Bot::act() {
  for (int n = 0; n < kActionsMax && !stop_(); ++n) {
    const auto wanted = strategy_.next(now());
    if (!wanted) return;
    // Nothing is done on what may be out of date: it is done if it is still wanted after the bridge
    // has said all that it has.
    if (!catch_up(wanted->item)) return;
    if (strategy_.next(now()) == wanted) carry_out(*wanted);
  }
}

void Bot::carry_out(const Action& action) {
  if (action.kind == Action::Kind::kCancel) {
    cancel(action.order, options_.link.timeout);
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
  const Answer answer = link_.ask("place_order", params.text(), options_.target,
                                  name_ + "-" + std::to_string(number), options_.link.timeout);
  const Outcome outcome = outcome_of(answer);
  if (outcome == Outcome::kDone && !answer.source.empty()) account_source_ = answer.source;
  const std::string id(json::member(answer.result, "order"));
  strategy_.on_placed(number, outcome, id, answer.source, now());
  if (!id.empty()) fields.add("trainer_order", id);
  fields.add_string("outcome", outcome == Outcome::kDone ? "placed" : answer.error_type);
  if (outcome != Outcome::kDone) what += ": " + why(answer);
  if (outcome == Outcome::kUnknown) what += "; counts as placed until it is taken back";
  diary_.note(now(), to_string(order.side), what, fields);
  if (outcome == Outcome::kRefused && order.side == Side::kSell) compare_holdings();
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
  Answer answer;
  if (found == Outcome::kDone) {
    const std::string& id = strategy_.orders().at(number).id;
    answer = link_.ask("cancel_order", Object().add("order", id).text(), options_.target, "", wait);
  } else {
    answer.error_type = found == Outcome::kRefused ? "rejected" : "no_answer";
    answer.error = found == Outcome::kRefused ? "the account has no such order"
                                              : "whether it stands is still not known";
  }
  // A trainer that says no has no such order (any more).
  const bool gone = answer.kind == Answer::Kind::kDone || answer.error_type == "rejected";
  strategy_.on_cancelled(number, gone ? Outcome::kDone : Outcome::kUnknown, now());
  fields.add_string("outcome",
                    answer.kind == Answer::Kind::kDone ? "cancelled" : answer.error_type);
  if (answer.kind != Answer::Kind::kDone) what += ": " + why(answer);
  diary_.note(now(), "cancel", what, fields);
}

// Looks for an order whose answer never came among the account's. kRefused: it is not there, and
// what was sent before this question cannot come any more.
Outcome Bot::look_up(const Order& order, milliseconds wait) {
  const Answer answer = link_.ask("get_portfolio", "{}", options_.target, "", wait);
  const std::string_view listed = json::member(answer.result, "orders");
  if (answer.kind != Answer::Kind::kDone || listed.empty() || listed.front() != '[') {
    return Outcome::kUnknown;
  }
  std::string id;
  json::for_each_element(listed, [&](std::string_view entry) {
    const std::string_view number = json::member(entry, "order");
    const auto& orders = strategy_.orders();
    const bool known = std::any_of(orders.begin(), orders.end(),
                                   [&](const auto& ours) { return ours.second.id == number; });
    const auto text = [&](const char* key) { return json::as_string(json::member(entry, key)); };
    const bool same = text("item") == order.item && text("side") == to_string(order.side) &&
                      json::member(entry, "price") == std::to_string(order.price) &&
                      json::member(entry, "quantity") == std::to_string(order.quantity);
    if (!number.empty() && !known && same) id = number;
  });
  if (id.empty()) return Outcome::kRefused;
  strategy_.on_found(order.number, id);
  return Outcome::kDone;
}

// A sale that the account will not make: it may hold less than we believe.
void Bot::compare_holdings() {
  const Answer answer =
      link_.ask("get_portfolio", "{}", options_.target, "", options_.link.timeout);
  if (answer.kind != Answer::Kind::kDone) return;
  const std::string_view inventory = json::member(answer.result, "inventory");
  if (inventory.empty() || inventory.front() != '{') return;
  std::map<std::string, std::int64_t> held;
  json::for_each_member(inventory, [&](std::string_view key, std::string_view value) {
    const std::string quoted = "\"" + std::string(key) + "\"";
    const auto name = json::as_string(quoted);
    const auto quantity = json::as_u64(value);
    if (name && quantity && *quantity <= INT64_MAX) {
      held[*name] = static_cast<std::int64_t>(*quantity);
    }
  });
  for (const std::string& item : strategy_.items_held()) {
    const std::int64_t before = strategy_.held(item);
    strategy_.on_holding(item, held.count(item) == 0 ? 0 : held[item]);
    if (strategy_.held(item) == before) continue;
    diary_.note(
        now(), "holding",
        "the account holds " + std::to_string(strategy_.held(item)) + " " + item + ", not " +
            std::to_string(before),
        Object().add_string("item", item).add("held", std::to_string(strategy_.held(item))));
  }
}

void Bot::keep_switch_armed() {
  if (options_.dead_man.count() == 0 || options_.dry_run || Clock::now() < next_arming_) return;
  Object on_expiry;
  on_expiry.add_string("command", "pause").add_string("target", options_.target);
  Object params;
  params.add_number("timeout_ms", static_cast<std::uint64_t>(options_.dead_man.count()));
  params.add("on_expiry", on_expiry.text());
  const Answer answer = link_.ask("arm_dead_mans_switch", params.text());
  const bool armed = answer.kind == Answer::Kind::kDone;
  next_arming_ = Clock::now() + (armed ? options_.dead_man / 3 : kRetry);
  if (armed == switch_armed_ && switch_noted_) return;
  switch_armed_ = armed;
  switch_noted_ = true;
  diary_.note(now(), "dead-man",
              armed ? options_.target + " is paused where this bot is silent for " +
                          std::to_string(options_.dead_man.count()) + " ms"
                    : "not armed: " + why(answer),
              Object().add("armed", armed ? "true" : "false"));
}

void Bot::leave() {
  const auto until = Clock::now() + options_.exit_wait;
  const auto left = [&] { return std::chrono::ceil<milliseconds>(until - Clock::now()); };
  std::vector<std::uint64_t> numbers;
  for (const auto& [number, order] : strategy_.orders()) {
    if (order.state != Order::State::kSettling) numbers.push_back(number);
  }
  for (const std::uint64_t number : numbers) {
    if (left().count() > 0) cancel(number, left());
  }
  if (switch_armed_ && left().count() > 0) {
    link_.ask("disarm_dead_mans_switch", "{}", "", "", left());
  }
  const auto open = std::count_if(
      strategy_.orders().begin(), strategy_.orders().end(),
      [](const auto& entry) { return entry.second.state != Order::State::kSettling; });
  diary_.note(now(), "end",
              "profit " + gp(strategy_.profit()) + " after tax; " + std::to_string(open) +
                  " orders may still stand",
              Object()
                  .add("profit", std::to_string(strategy_.profit()))
                  .add("orders_open", std::to_string(open)));
}

}  // namespace bot
