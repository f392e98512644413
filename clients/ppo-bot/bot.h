// The bot: puts what the bridge says into the strategy, and what the strategy wants to the bridge.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "ppo-bot/bridge_link.h"
#include "ppo-bot/diary.h"
#include "ppo-bot/strategy.h"

namespace bot {

struct BotOptions {
  LinkOptions link;
  Limits limits;
  std::string target = "agent_0";      // an agent, a source, or SOURCE/AGENT
  milliseconds check_interval{2'000};  // between looks for missed fills, while nothing is done
  milliseconds exit_wait{5'000};       // for taking back orders at the end
  milliseconds dead_man{0};            // 0: no switch
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

  // Whether the bridge has said all that it has; if not, this is not the moment to act.
  bool catch_up(const std::string& item);
  void take(const Event& event);
  void notice_restart(const Event& event);
  bool is_ours(const Event& event) const;
  void act();
  void carry_out(const Action& action);
  void place(const Action& action);
  void cancel(std::uint64_t number, milliseconds wait);
  Outcome look_up(const Order& order, milliseconds wait);
  void compare_holdings();
  void keep_switch_armed();
  void leave();

  const BotOptions options_;
  Diary& diary_;
  const std::function<bool()> stop_;
  const std::string name_;  // of this run: for the bridge, and in idempotency keys
  BridgeLink link_;
  Strategy strategy_;
  bool was_connected_ = false;
  bool was_reachable_ = true;
  bool refused_ = false;
  bool switch_armed_ = false;
  bool switch_noted_ = false;
  Clock::time_point next_check_{};
  Clock::time_point next_arming_{};
  std::string account_source_;  // the trainer; empty while unknown
  struct Start {
    std::string run;
    Moment at{};
  };
  std::map<std::string, Start> starts_;  // of sources, as last seen
};

}  // namespace bot
