// The events that have a shape of their own: the eight of the wire contract, and two that training
// adds. What is optional is left out where it has no value.
//
// Each struct is the `data` object of one event type; its members are written in the order of
// declaration. Integers keep every digit. Doubles are written as the shortest text that reads back
// as the same value; NaN and infinities are written as `NaN`, `Infinity`, `-Infinity` (the bridge
// turns them into null and counts them), so that a loss that went wrong is seen instead of hidden.
// Strings are UTF-8; bytes that are not become U+FFFD.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "ppo_publisher/export.h"

namespace ppo PPO_PUBLISHER_API {

// Prices and values are in gp. `action_type` is free text; "buy", "sell" and "hold" are usual.
struct TradeExecuted {
  static constexpr std::string_view kType = "trade_executed";

  std::string agent_id{};
  std::string action_type{};
  std::string item{};
  std::int64_t price = 0;
  std::int64_t quantity = 0;
  double profit = 0;
  std::int64_t total_value = 0;
  std::optional<std::int64_t> order = {};  // number of the offer that filled, where it has one
};

struct PriceUpdate {
  static constexpr std::string_view kType = "price_update";

  std::string item{};
  std::int64_t price = 0;
  std::int64_t change = 0;
  double change_percent = 0;
  std::int64_t volume = 0;
};

struct MarginUpdate {
  static constexpr std::string_view kType = "margin_update";

  std::string item{};
  std::int64_t buy_price = 0;
  std::int64_t sell_price = 0;
  std::int64_t margin = 0;
  double margin_percent = 0;
  std::optional<std::int64_t> margin_after_tax = {};  // what is left of the margin once sold
};

struct AgentDecision {
  static constexpr std::string_view kType = "agent_decision";

  std::string agent_id{};
  std::string action_type{};
  std::string item{};
  std::int64_t price = 0;
  std::int64_t quantity = 0;
  std::string reasoning{};
};

struct PortfolioUpdate {
  static constexpr std::string_view kType = "portfolio_update";

  std::string agent_id{};
  std::int64_t gp = 0;
  std::map<std::string, std::int64_t> inventory{};  // item -> how many
  std::int64_t total_value = 0;
  std::int64_t inventory_value = 0;
};

struct MarketAnalysis {
  static constexpr std::string_view kType = "market_analysis";

  std::string item{};
  std::string analysis_type{};
  std::string data = "{}";  // a JSON object's text; anything else is refused
};

struct SystemStatus {
  static constexpr std::string_view kType = "system_status";

  std::string status{};
  std::string message{};
};

// The event type `error`.
struct ErrorEvent {
  static constexpr std::string_view kType = "error";

  std::string error_type{};
  std::string message{};
  std::string details = "{}";  // a JSON object's text; anything else is refused
};

// One optimisation step of PPO. `agent_id` is left out when empty, and a figure that was not
// measured when it has no value.
struct TrainingUpdate {
  static constexpr std::string_view kType = "training_update";

  std::string agent_id{};
  std::int64_t update = 0;  // which update, from 1
  std::int64_t steps = 0;   // environment steps taken so far
  std::optional<double> policy_loss{};
  std::optional<double> value_loss{};
  std::optional<double> entropy{};
  std::optional<double> approx_kl{};
  std::optional<double> clip_fraction{};
  std::optional<double> explained_variance{};
  std::optional<double> steps_per_second{};
};

struct EpisodeEnd {
  static constexpr std::string_view kType = "episode_end";

  std::string agent_id{};
  std::int64_t episode = 0;  // which episode, from 1
  std::int64_t steps = 0;    // of this episode; written as `length` as well
  double reward = 0;         // summed over the episode, as the environment gave it
  std::int64_t profit = 0;   // realised, gp
  std::int64_t final_value = 0;
  std::optional<std::int64_t> global_step = {};  // the agent's steps by then, of all its episodes
};

// One point of a curve. `tag` is any text of 1-256 bytes; a value that is not finite is written as
// null. Its texts need to live no longer than the call.
struct Scalar {
  static constexpr std::string_view kType = "scalar";

  std::string_view tag{};
  double value = 0;
  std::optional<std::int64_t> step = {};
  std::string_view agent_id = {};  // empty: of all of this source
};

// What Publisher::publish() makes of them: appends the event's `data` object to `out`, which is empty, on one line. False
// when an agent id is not a name, or a member that should be the text of a JSON object is not; `out` then says so.
[[nodiscard]] bool encode(const TradeExecuted& event, std::string& out);
[[nodiscard]] bool encode(const PriceUpdate& event, std::string& out);
[[nodiscard]] bool encode(const MarginUpdate& event, std::string& out);
[[nodiscard]] bool encode(const AgentDecision& event, std::string& out);
[[nodiscard]] bool encode(const PortfolioUpdate& event, std::string& out);
[[nodiscard]] bool encode(const MarketAnalysis& event, std::string& out);
[[nodiscard]] bool encode(const SystemStatus& event, std::string& out);
[[nodiscard]] bool encode(const ErrorEvent& event, std::string& out);
[[nodiscard]] bool encode(const TrainingUpdate& event, std::string& out);
[[nodiscard]] bool encode(const EpisodeEnd& event, std::string& out);
[[nodiscard]] bool encode(const Scalar& event, std::string& out);

}  // namespace ppo
