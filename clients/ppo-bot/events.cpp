#include "ppo-bot/events.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "feed/json.h"
#include "ppo-bot/tax.h"

namespace bot {
namespace {

namespace json = feed::json;

constexpr std::int64_t kQuantityMax = kPriceMax;
constexpr double kSecondsMax = 1e11;  // some 3,000 years; beyond it is no time

std::string string_or_empty(std::string_view value) {
  return json::as_string(value).value_or(std::string());
}

std::optional<double> as_double(std::string_view value) {
  double number = 0;
  const char* const end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, number);
  if (value.empty() || error != std::errc() || stop != end) return std::nullopt;
  return number;
}

std::optional<Moment> as_moment(std::string_view value) {
  const auto seconds = as_double(value);
  if (!seconds || !(*seconds >= 0 && *seconds <= kSecondsMax)) return std::nullopt;
  return Moment(milliseconds(std::llround(*seconds * 1000)));
}

// A whole number from 1 to `max`; some publishers write 100 as 100.0.
std::optional<std::int64_t> as_count(std::string_view value, std::int64_t max) {
  const auto number = as_double(value);
  if (!number || !(*number >= 1 && *number <= static_cast<double>(max))) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

}  // namespace

const char* to_string(Side side) {
  return side == Side::kBuy ? "buy" : "sell";
}

std::optional<Event> read_event(std::string_view text) {
  if (!json::valid(text)) return std::nullopt;
  Event event;
  std::optional<std::uint64_t> seq;
  std::optional<Moment> accepted;
  std::optional<Moment> happened;
  json::for_each_member(text, [&](std::string_view key, std::string_view value) {
    if (key == "type") {
      event.type = string_or_empty(value);
    } else if (key == "seq") {
      seq = json::as_u64(value);
    } else if (key == "source") {
      event.source = string_or_empty(value);
    } else if (key == "run") {
      event.run = string_or_empty(value);
    } else if (key == "source_seq") {
      event.source_seq = json::as_u64(value);
    } else if (key == "timestamp") {
      accepted = as_moment(value);
    } else if (key == "source_timestamp") {
      happened = as_moment(value);
    } else if (key == "data") {
      event.data = value;
    }
  });
  if (event.type.empty() || !seq || !accepted || event.data.empty()) return std::nullopt;
  event.seq = *seq;
  // A source whose clock is ahead does not make its events younger than the bridge knows them.
  event.at = happened ? std::min(*happened, *accepted) : *accepted;
  return event;
}

std::string agent_of(const Event& event) {
  return string_or_empty(json::member(event.data, "agent_id"));
}

std::optional<Price> read_price(const Event& event) {
  if (event.type != kPriceType) return std::nullopt;
  const auto buy = as_count(json::member(event.data, "buy_price"), kPriceMax);
  const auto sell = as_count(json::member(event.data, "sell_price"), kPriceMax);
  Price price{string_or_empty(json::member(event.data, "item")), 0, 0, event.seq, event.at};
  if (!buy || !sell || price.item.empty()) return std::nullopt;
  price.buy = *buy;
  price.sell = *sell;
  return price;
}

std::optional<Fill> read_fill(const Event& event) {
  if (event.type != kFillType) return std::nullopt;
  const std::string side = string_or_empty(json::member(event.data, "action_type"));
  const auto price = as_count(json::member(event.data, "price"), kPriceMax);
  const auto quantity = as_count(json::member(event.data, "quantity"), kQuantityMax);
  Fill fill;
  fill.item = string_or_empty(json::member(event.data, "item"));
  if ((side != "buy" && side != "sell") || !price || !quantity || fill.item.empty()) {
    return std::nullopt;
  }
  fill.side = side == "buy" ? Side::kBuy : Side::kSell;
  fill.price = *price;
  fill.quantity = *quantity;
  fill.order_id = json::member(event.data, "order");
  fill.source = event.source;
  fill.at = event.at;
  return fill;
}

}  // namespace bot
