#include "ppo-bot/events.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "feed/json.h"

namespace bot {
namespace {

namespace json = feed::json;

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

// A string's or a number's text; empty for null and what is neither.
std::string plain(std::string_view value) {
  if (value.empty() || value.front() == '"') return folded(string_or_empty(value));
  return value == "null" || value.front() == '{' || value.front() == '[' ? std::string()
                                                                         : std::string(value);
}

std::optional<double> as_number(std::string_view value) {
  return as_double(plain(value));
}

// A number from `min` to `max`, however it is written: 100, 100.0, "100".
std::optional<std::int64_t> as_count(std::string_view value, std::int64_t min, std::int64_t max) {
  const auto number = as_number(value);
  if (!number || !(*number >= static_cast<double>(min) && *number <= static_cast<double>(max))) {
    return std::nullopt;
  }
  return std::llround(*number);
}

// The same, and whole.
std::optional<std::int64_t> as_quantity(std::string_view value) {
  const auto count = as_count(value, 0, kPriceMax);
  return count && as_number(value) == static_cast<double>(*count) ? count : std::nullopt;
}

}  // namespace

const char* to_string(Side side) {
  return side == Side::kBuy ? "buy" : "sell";
}

std::string folded(std::string text) {
  const auto first = text.find_first_not_of(" \t\n\r");
  if (first == std::string::npos) return {};
  text = text.substr(first, text.find_last_not_of(" \t\n\r") - first + 1);
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
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

bool is_about(const Event& event, std::string_view target) {
  const std::string agent = plain(json::member(event.data, "agent_id"));
  const std::string wanted = folded(std::string(target));
  if (wanted == agent) return true;
  // A fill that does not say whose it is may be of any agent there.
  const bool anybodys = agent.empty() && event.type == kFillType;
  for (const std::string& source : {event.source, event.source + "@" + event.run}) {
    const std::string name = folded(source);
    if (wanted == name || wanted == name + "/" + agent) return true;
    if (anybodys && wanted.compare(0, name.size() + 1, name + "/") == 0) return true;
  }
  return false;
}

bool same(std::string_view a, std::string_view b) {
  const auto one = as_number(a);
  const auto other = as_number(b);
  return one && other ? *one == *other && (*one < 9e15 || plain(a) == plain(b))
                      : plain(a) == plain(b);
}

std::optional<Price> read_price(const Event& event) {
  if (event.type != kPriceType) return std::nullopt;
  const auto buy = as_count(json::member(event.data, "buy_price"), 1, kPriceMax);
  const auto sell = as_count(json::member(event.data, "sell_price"), 1, kPriceMax);
  Price price{string_or_empty(json::member(event.data, "item")), 0, 0, 0, event.at};
  if (!buy || !sell || price.item.empty()) return std::nullopt;
  price.buy = *buy;
  price.sell = *sell;
  const auto margin = as_count(json::member(event.data, "margin_after_tax"), -*buy, *sell - *buy);
  price.sell_after_tax = margin ? *buy + *margin : price_after_tax(*sell);
  return price;
}

std::int64_t price_after_tax(std::int64_t price) {
  return price < 50 ? price : price - std::min<std::int64_t>(price * 2 / 100, 5'000'000);
}

std::optional<Fill> read_fill(const Event& event) {
  if (event.type != kFillType) return std::nullopt;
  const std::string side = plain(json::member(event.data, "action_type"));
  Fill fill;
  fill.quantity = as_quantity(json::member(event.data, "quantity"));
  if (side == "hold" || side == "none" || side == "cancel" || fill.quantity == 0) {
    return std::nullopt;
  }
  if (side == "buy") fill.side = Side::kBuy;
  if (side == "sell") fill.side = Side::kSell;
  fill.item = string_or_empty(json::member(event.data, "item"));
  fill.price = as_count(json::member(event.data, "price"), 1, kPriceMax);
  fill.order_id = json::member(event.data, "order");
  if (plain(fill.order_id).empty()) fill.order_id.clear();
  fill.source = event.source;
  fill.at = event.at;
  return fill;
}

std::optional<std::int64_t> read_filled(std::string_view reply) {
  return as_quantity(json::member(reply, "filled"));
}

std::optional<Inventory> read_inventory(std::string_view object) {
  const std::string_view listed = json::member(object, "inventory");
  if (listed.empty() || listed.front() != '{') return std::nullopt;
  Inventory inventory;
  json::for_each_member(listed, [&](std::string_view key, std::string_view value) {
    const auto name = json::as_string("\"" + std::string(key) + "\"");
    if (name) inventory[*name] = as_quantity(value);
  });
  return inventory;
}

}  // namespace bot
