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
// Between attempts to arm the switch.
constexpr milliseconds kRetry{200};
// Asked for at the start, for the prices of the moment.
constexpr std::uint64_t kPastEvents = 5'000;
// Actions between two looks at what came in.
constexpr int kActionsMax = 16;
// At most so many starts of sources are remembered; they are few in any sensible set-up.
constexpr std::size_t kSourcesMax = 1'000;

feed::BotFeedOptions completed(feed::BotFeedOptions options, const std::string& name) {
  options.name = name;
  for (const std::string_view type :
       {kPriceType, kFillType, kEpisodeType, kPortfolioType, kStatusType}) {
    options.types.emplace_back(type);
  }
  options.since = feed::SinceLast{kPastEvents};
  return options;
}

}  // namespace

Bot::Bot(const BotOptions& options, Diary& diary, std::function<bool()> stop)
    : options_(options),
      diary_(diary),
      stop_(std::move(stop)),
      name_("ppo-bot-" + std::to_string(::getpid()) + "-" +
            std::to_string(now().time_since_epoch().count())),
      feed_(completed(options.feed, name_)),
      strategy_(options.limits),
      target_pause_(options.target_pause) {}

ExitCode Bot::run() {
  diary_.note(now(), "start",
              std::string(options_.dry_run ? "dry run for " : "trading for ") + options_.target,
              Object()
                  .add_string("target", options_.target)
                  .add("dry_run", options_.dry_run ? "true" : "false"));
  while (!stop_() && !refused_) {
    if (!take_news(false)) continue;
    keep_switch_armed();
    act();
  }
  leave();
  return refused_ ? kExitRefused : kExitOk;
}

bool Bot::take_news(bool all) {
  using Kind = feed::BotFeed::News::Kind;
  const std::uint64_t since = feed_.position() ? feed_.position()->seq : 0;
  std::size_t events = 0;
  while (!stop_()) {
    const feed::BotFeed::News news = all ? feed_.catch_up() : feed_.next(kTick);
    if (news.kind == Kind::kQuiet) return reached_.value_or(false);
    if (news.epoch_changed) {
      strategy_.forget_prices();
      next_arming_ = {};  // a restarted bridge may know of no switch
      const std::string& epoch = feed_.position()->epoch;
      diary_.note(now(), "epoch", "the bridge numbers anew: epoch " + epoch,
                  Object().add_string("epoch", epoch));
    }
    events += news.messages.size();
    for (const feed::Message& message : news.messages) {
      if (message.kind == feed::Message::Kind::kGap) {
        if (*message.gap.to_seq >= *message.gap.from_seq) {
          freeze({}, "the bridge no longer holds all since " + std::to_string(since));
        }
      } else if (const auto event = read_event(message.text)) {
        take(*event);
      }
    }
    all = true;
    if (news.kind == Kind::kMore) continue;
    refused_ = news.kind == Kind::kRefused;
    note_reached(news.error, events, since);
    return news.kind == Kind::kAll;
  }
  return false;
}

// An outage is told once, and its end.
void Bot::note_reached(const std::string& error, std::size_t events, std::uint64_t since) {
  const bool reached = error.empty();
  if (reached_ == reached && !refused_) return;
  reached_ = reached;
  if (!reached) {
    diary_.note(now(), refused_ ? "refused" : "waiting", "the bridge does not answer: " + error,
                Object().add_string("error", error));
    return;
  }
  next_arming_ = {};
  const feed::Position& at = *feed_.position();
  diary_.note(now(), "caught-up",
              std::to_string(events) + " events since " + std::to_string(since) + ", by " +
                  options_.feed.commands,
              Object()
                  .add_number("events", events)
                  .add_number("since_seq", since)
                  .add_number("seq", at.seq)
                  .add_string("epoch", at.epoch));
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
  start_over("restart", event.source + " started again: a new account", event.at);
}

void Bot::start_over(const std::string& action, const std::string& sentence, Moment at) {
  const bool anything = !strategy_.orders().empty() || strategy_.exposure() > 0;
  strategy_.on_account_reset(at);
  if (anything) diary_.note(now(), action, sentence);
}

// Never counts as none what cannot be read.
void Bot::freeze(const Fill& fill, const std::string& why) {
  for (const std::string& item : strategy_.freeze_orders_of(fill)) {
    diary_.note(now(), "frozen", item + " is left alone from here on: " + why,
                Object().add_string("item", item).add_string("why", why));
  }
}

void Bot::take(const Event& event) {
  notice_restart(event);
  if (const auto price = read_price(event)) {
    if (options_.prices_from.empty() || event.source == options_.prices_from) {
      strategy_.on_price(*price);
    }
  } else if (event.type == kStatusType) {
    const auto text = [&](const char* key) {
      return json::as_string(json::member(event.data, key)).value_or("");
    };
    if (event.source == "ppo-bridge" && text("status") == "source_lost" &&
        text("source") == account_source_) {
      freeze({}, text("message"));
    }
  } else if (!options_.dry_run && is_about(event, options_.target)) {
    if (event.type == kEpisodeType) start_over("episode", "a new episode; its items are gone", event.at);
    if (event.type == kPortfolioType) take_portfolio(event);
    if (event.type == kFillType) take_trade(event);
  }
}

// An account that had items and has none has begun anew, or somebody else sold them: ours are gone.
// One that never shows any says nothing.
void Bot::take_portfolio(const Event& event) {
  const auto inventory = read_inventory(event.data);
  if (!inventory) return;
  const bool has_items = std::any_of(inventory->begin(), inventory->end(),
                                     [](const auto& entry) { return entry.second != 0; });
  if (had_items_ && !has_items) believe_holdings({});
  had_items_ = has_items;
}

void Bot::take_trade(const Event& event) {
  const auto fill = read_fill(event);
  if (!fill) return;
  if (!fill->readable()) return freeze(*fill, "a fill that cannot be read: " + event.data);
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
  for (int n = 0; n < kActionsMax && !stop_() && Clock::now() >= no_order_before_; ++n) {
    const auto wanted = strategy_.next(now());
    if (!wanted) return;
    // Nothing is done on what may be out of date: it is done if it is still wanted after the bridge
    // has said all that it has.
    if (!take_news(true)) return;
    if (strategy_.next(now()) == wanted) carry_out(*wanted);
  }
}

void Bot::keep_switch_armed() {
  if (options_.dead_man.count() == 0 || options_.dry_run || Clock::now() < next_arming_) return;
  Object on_expiry;
  on_expiry.add_string("command", "pause").add_string("target", options_.target);
  Object params;
  params.add_number("timeout_ms", static_cast<std::uint64_t>(options_.dead_man.count()));
  params.add("on_expiry", on_expiry.text());
  const feed::Answer answer = feed_.ask("arm_dead_mans_switch", params.text());
  const bool armed = answer.kind == feed::Answer::Kind::kDone;
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
    feed_.ask("disarm_dead_mans_switch", "{}", "", "", left());
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
