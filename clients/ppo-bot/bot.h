// The bot: puts what the bridge says into the strategy, and what the strategy wants to the bridge.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "feed/bot_feed.h"
#include "ppo-bot/diary.h"
#include "ppo-bot/strategy.h"

namespace bot {

struct BotOptions {
  feed::BotFeedOptions feed;  // types and start are the bot's
  Limits limits;
  std::string target = "agent_0";  // see is_about()
  std::string prices_from;         // the source whose prices count; empty: any
  // Before a target that is refused as such is tried again; doubled up to the second.
  milliseconds target_pause{5'000};
  milliseconds target_pause_max{300'000};
  milliseconds exit_wait{5'000};  // for taking back orders at the end
  milliseconds dead_man{0};       // 0: no switch
  bool dry_run = false;
};

enum ExitCode : int {
  kExitOk = 0,       // told to end
  kExitFailed = 1,   // something of its own went wrong
  kExitUsage = 2,    // the command line is wrong
  kExitRefused = 3,  // the bridge will not have this bot
};

// One thread. What it is given must outlive it.
class Bot {
 public:
  Bot(const BotOptions& options, Diary& diary, std::function<bool()> stop);

  // Trades until `stop` says so; then takes back its orders, within `exit_wait`.
  ExitCode run();

  const Strategy& strategy() const { return strategy_; }

 private:
  using Clock = std::chrono::steady_clock;

  // Takes what is new, with `all` everything that the bridge has now. False where the bridge does
  // not answer: then this is not the moment to act.
  bool take_news(bool all);
  void note_reached(const std::string& error, std::size_t events, std::uint64_t since);
  void take(const Event& event);
  void take_trade(const Event& event);
  void take_portfolio(const Event& event);
  void notice_restart(const Event& event);
  void start_over(const std::string& action, const std::string& sentence, Moment at);
  void freeze(const Fill& fill, const std::string& why);
  void act();
  void carry_out(const Action& action);
  void place(const Action& action);
  void check(std::uint64_t number);
  void cancel(std::uint64_t number, milliseconds wait);
  feed::Answer ask_target(std::string_view command, const std::string& params, std::string_view key,
                          milliseconds wait);
  Outcome look_up(const Order& order, milliseconds wait);
  void compare_holdings();
  void believe_holdings(const Inventory& inventory);
  void keep_switch_armed();
  void leave();

  const BotOptions options_;
  Diary& diary_;
  const std::function<bool()> stop_;
  const std::string name_;  // of this run: for the bridge, and in idempotency keys
  feed::BotFeed feed_;
  Strategy strategy_;
  std::optional<bool> reached_;  // the bridge, the last time
  bool refused_ = false;
  bool had_items_ = false;  // the account, as it said last
  bool switch_armed_ = false;
  bool switch_noted_ = false;
  Clock::time_point next_arming_{};
  Clock::time_point no_order_before_{};
  milliseconds target_pause_;
  std::string account_source_;  // the trainer; empty while unknown
  struct Start {
    std::string run;
    Moment at{};
  };
  std::map<std::string, Start> starts_;  // of sources, as last seen
};

}  // namespace bot
