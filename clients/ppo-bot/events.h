// What a bot reads out of the bridge's events. No sockets, no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bot {

using std::chrono::milliseconds;
using Moment = std::chrono::time_point<std::chrono::system_clock, milliseconds>;

inline constexpr std::string_view kPriceType = "margin_update";
inline constexpr std::string_view kFillType = "trade_executed";
inline constexpr std::string_view kEpisodeType = "episode_end";

enum class Side { kBuy, kSell };
[[nodiscard]] const char* to_string(Side side);  // "buy", "sell"

// One event of the log.
struct Event {
  std::string type;
  std::uint64_t seq = 0;
  std::string source;  // empty: anonymous
  std::string run;
  std::optional<std::uint64_t> source_seq;
  // When it happened: the source's clock where it says so, else the bridge's. An event that a
  // source repeats after an outage is as old as it was.
  Moment at{};
  std::string data;  // a JSON object, as it came
};

// Nothing where `text` is no event of the log.
[[nodiscard]] std::optional<Event> read_event(std::string_view text);

// Who an event is about; empty where it does not say.
[[nodiscard]] std::string agent_of(const Event& event);

// At what price one buys and sells an item at the moment, before tax.
struct Price {
  std::string item;
  std::int64_t buy = 0;   // gp
  std::int64_t sell = 0;  // gp
  std::uint64_t seq = 0;
  Moment at{};
};

// Nothing where a field is missing or no price of the game (1..2,147,483,647 gp).
[[nodiscard]] std::optional<Price> read_price(const Event& event);

// A trade of an account.
struct Fill {
  Side side = Side::kBuy;
  std::string item;
  std::int64_t price = 0;     // gp each
  std::int64_t quantity = 0;  // items
  std::string order_id;       // JSON text; empty where the trainer does not say which order
  std::string source;
  Moment at{};
};

[[nodiscard]] std::optional<Fill> read_fill(const Event& event);

}  // namespace bot
