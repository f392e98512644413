// What a bot reads out of the bridge's events. No sockets, no clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace bot {

using std::chrono::milliseconds;
using Moment = std::chrono::time_point<std::chrono::system_clock, milliseconds>;

inline constexpr std::string_view kPriceType = "margin_update";
inline constexpr std::string_view kFillType = "trade_executed";
inline constexpr std::string_view kEpisodeType = "episode_end";
inline constexpr std::string_view kPortfolioType = "portfolio_update";
inline constexpr std::string_view kStatusType = "system_status";

inline constexpr std::int64_t kPriceMax = 2'147'483'647;  // gp; the game's prices are 32 bits wide

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

// Whether it is about the account that `target` names: an agent, a source, SOURCE/AGENT, and with
// SOURCE@RUN for the source. A fill of the source that names no agent is about every agent there.
[[nodiscard]] bool is_about(const Event& event, std::string_view target);

// A name as it is compared with others: in lower case and without the spaces around it.
[[nodiscard]] std::string folded(std::string name);

// Whether two JSON values are the same name or number, however a trainer writes them: 1 and "1".
[[nodiscard]] bool same(std::string_view a, std::string_view b);

// At what price one buys and sells an item at the moment.
struct Price {
  std::string item;
  std::int64_t buy = 0;             // gp
  std::int64_t sell = 0;            // gp
  std::int64_t sell_after_tax = 0;  // gp: as the publisher says, else price_after_tax()
  Moment at{};
};

// Nothing where a field is missing or no price of the game (1..2,147,483,647 gp).
[[nodiscard]] std::optional<Price> read_price(const Event& event);

// What the seller of one item gets, where nobody says: as if no item were exempt from the tax, so
// never too much. REQUIRES: 1 <= price <= kPriceMax
[[nodiscard]] std::int64_t price_after_tax(std::int64_t price);

// A trade of an account, as far as it can be read.
struct Fill {
  std::optional<Side> side;
  std::string item;                      // empty: cannot be read
  std::optional<std::int64_t> price;     // gp each
  std::optional<std::int64_t> quantity;  // items
  std::string order_id;  // JSON text; empty where the trainer does not say which order
  std::string source;
  Moment at = Moment::max();

  bool readable() const { return side && !item.empty() && price && quantity; }
};

// Nothing where the event is surely no trade: another type, "hold", or a quantity of 0.
[[nodiscard]] std::optional<Fill> read_fill(const Event& event);

// How many of each item an account has, of the `inventory` of a reply or event; nothing where there
// is none. Of an item whose number cannot be read: nothing.
using Inventory = std::map<std::string, std::optional<std::int64_t>>;
[[nodiscard]] std::optional<Inventory> read_inventory(std::string_view object);

// How much of an order was filled, of a reply about it; nothing where it does not say.
[[nodiscard]] std::optional<std::int64_t> read_filled(std::string_view reply);

}  // namespace bot
