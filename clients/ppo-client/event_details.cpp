#include "ppo-client/event_details.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "ppo-client/json_text.h"
#include "ppo-client/number.h"

namespace client {
namespace {

using rapidjson::Value;

constexpr size_t kItemsShown = 4;

// Puts parts of a line one after another, with a space between.
class Parts {
 public:
  explicit Parts(Line& line) : line_(line), start_(line.width()) {}

  Parts& add(std::string_view text, Colour colour = Colour::kPlain) {
    if (text.empty()) return *this;
    if (any()) line_.add(" ");
    line_.add(text, colour);
    return *this;
  }

  // "label text", the label dim.
  Parts& labelled(std::string_view label, std::string_view text, Colour colour = Colour::kPlain) {
    return add(label, Colour::kDim).add(text, colour);
  }

  bool any() const { return line_.width() > start_; }

 private:
  Line& line_;
  const size_t start_;
};

const Value* number_in(const Value& data, const char* key) {
  const Value* value = find(data, key);
  return value != nullptr && value->IsNumber() ? value : nullptr;
}

// Green above zero, red below, with the sign in front.
void add_delta(Parts& parts, const char* label, const Value* value) {
  if (value == nullptr) return;
  const double amount = value->GetDouble();
  const Colour colour = amount > 0 ? Colour::kGreen : amount < 0 ? Colour::kRed : Colour::kDim;
  parts.labelled(label, (amount > 0 ? "+" : "") + gp(*value), colour);
}

// A fraction as "(+3.33%)".
void add_fraction(Parts& parts, const Value* value) {
  if (value == nullptr) return;
  const double fraction = value->GetDouble();
  const Colour colour = fraction > 0 ? Colour::kGreen : fraction < 0 ? Colour::kRed : Colour::kDim;
  parts.add("(" + std::string(fraction > 0 ? "+" : "") + percent(fraction) + ")", colour);
}

void add_gp(Parts& parts, const char* label, const Value* value) {
  if (value != nullptr) parts.labelled(label, gp(*value));
}

void add_number(Parts& parts, const char* label, const Value* value) {
  if (value != nullptr) parts.labelled(label, number(*value));
}

// A figure of the training; the bridge turns NaN and the infinities into null, and that has to be
// seen.
void add_figure(Parts& parts, const char* label, const Value* value) {
  if (value == nullptr) return;
  if (value->IsNull()) {
    parts.labelled(label, "NaN", Colour::kRed);
  } else if (value->IsNumber()) {
    parts.labelled(label, figure(value->GetDouble()));
  }
}

// "buy 10 @ 1.67m"
void add_order(Parts& parts, const Value& data) {
  const std::string action = string_of(find(data, "action_type"));
  const Colour colour = action == "buy"    ? Colour::kCyan
                        : action == "sell" ? Colour::kMagenta
                                           : Colour::kBold;
  parts.add(action, colour);
  const Value* quantity = number_in(data, "quantity");
  const Value* price = number_in(data, "price");
  // A decision to do nothing has a quantity and a price of 0.
  if (action == "hold" && (quantity == nullptr || quantity->GetDouble() == 0)) return;
  if (quantity != nullptr) parts.add(number(*quantity));
  add_gp(parts, "@", price);
}

// A value of an unknown shape in a few words.
std::string brief(const Value& value) {
  if (value.IsString()) return string_of(&value);
  if (value.IsNumber()) return number(value);
  return to_text(value);
}

void add_members(Parts& parts, const Value* object) {
  if (object == nullptr || !object->IsObject()) return;
  for (const auto& member : object->GetObject()) {
    parts.labelled(string_of(&member.name), brief(member.value));
  }
}

void trade_executed(Parts& parts, const Value& data) {
  add_order(parts, data);
  add_gp(parts, "=", number_in(data, "total_value"));
  add_delta(parts, "profit", number_in(data, "profit"));
}

void price_update(Parts& parts, const Value& data) {
  add_gp(parts, "", number_in(data, "price"));
  add_delta(parts, "", number_in(data, "change"));
  add_fraction(parts, number_in(data, "change_percent"));
  add_number(parts, "volume", number_in(data, "volume"));
}

void margin_update(Parts& parts, const Value& data) {
  add_gp(parts, "buy", number_in(data, "buy_price"));
  add_gp(parts, "sell", number_in(data, "sell_price"));
  add_delta(parts, "margin", number_in(data, "margin"));
  add_fraction(parts, number_in(data, "margin_percent"));
}

void agent_decision(Parts& parts, const Value& data) {
  add_order(parts, data);
  parts.add(string_of(find(data, "reasoning")), Colour::kDim);
}

void portfolio_update(Parts& parts, const Value& data) {
  add_gp(parts, "gp", number_in(data, "gp"));
  add_gp(parts, "+ items", number_in(data, "inventory_value"));
  add_gp(parts, "=", number_in(data, "total_value"));
  const Value* inventory = find(data, "inventory");
  if (inventory == nullptr || !inventory->IsObject() || inventory->ObjectEmpty()) return;

  // What there is most of first.
  std::vector<std::pair<double, std::string>> items;
  for (const auto& member : inventory->GetObject()) {
    const double count = member.value.IsNumber() ? member.value.GetDouble() : 0;
    items.emplace_back(count, brief(member.value) + " " + string_of(&member.name));
  }
  std::stable_sort(items.begin(), items.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::string list;
  for (size_t i = 0; i < std::min(items.size(), kItemsShown); ++i) {
    list += (i == 0 ? "" : ", ") + items[i].second;
  }
  if (items.size() > kItemsShown) {
    list += " and " + std::to_string(items.size() - kItemsShown) + " more";
  }
  parts.add("[" + list + "]", Colour::kDim);
}

void market_analysis(Parts& parts, const Value& data) {
  parts.add(string_of(find(data, "analysis_type")), Colour::kBold);
  add_members(parts, find(data, "data"));
}

void system_status(Parts& parts, const Value& data) {
  parts.add(string_of(find(data, "status")), Colour::kBold);
  parts.add(string_of(find(data, "message")));
}

void error(Parts& parts, const Value& data) {
  parts.add(string_of(find(data, "error_type")), Colour::kRed);
  parts.add(string_of(find(data, "message")));
  add_members(parts, find(data, "details"));
}

void training_update(Parts& parts, const Value& data) {
  add_number(parts, "update", number_in(data, "update"));
  add_number(parts, "steps", number_in(data, "steps"));
  add_figure(parts, "policy", find(data, "policy_loss"));
  add_figure(parts, "value", find(data, "value_loss"));
  add_figure(parts, "entropy", find(data, "entropy"));
  add_figure(parts, "kl", find(data, "approx_kl"));
  add_figure(parts, "clip", find(data, "clip_fraction"));
  add_figure(parts, "ev", find(data, "explained_variance"));
  if (const Value* speed = number_in(data, "steps_per_second")) {
    parts.add(grouped(static_cast<std::int64_t>(std::clamp(speed->GetDouble(), -9e18, 9e18))))
        .add("steps/s", Colour::kDim);
  }
}

void episode_end(Parts& parts, const Value& data) {
  add_number(parts, "episode", number_in(data, "episode"));
  add_number(parts, "steps", number_in(data, "steps"));
  add_figure(parts, "reward", find(data, "reward"));
  add_delta(parts, "profit", number_in(data, "profit"));
  add_gp(parts, "value", number_in(data, "final_value"));
}

struct Known {
  std::string_view type;
  Colour colour;
  void (*add)(Parts&, const Value&);
};

constexpr std::array<Known, 10> kKnown = {{
    {"trade_executed", Colour::kGreen, trade_executed},
    {"price_update", Colour::kBlue, price_update},
    {"margin_update", Colour::kCyan, margin_update},
    {"agent_decision", Colour::kYellow, agent_decision},
    {"portfolio_update", Colour::kMagenta, portfolio_update},
    {"market_analysis", Colour::kBrightBlue, market_analysis},
    {"system_status", Colour::kBold, system_status},
    {"error", Colour::kRed, error},
    {"training_update", Colour::kBrightCyan, training_update},
    {"episode_end", Colour::kBrightMagenta, episode_end},
}};

const Known* known(std::string_view type) {
  const auto* found = std::find_if(kKnown.begin(), kKnown.end(),
                                   [&](const Known& entry) { return entry.type == type; });
  return found == kKnown.end() ? nullptr : found;
}

}  // namespace

Colour type_colour(std::string_view type) {
  const Known* entry = known(type);
  return entry == nullptr ? Colour::kPlain : entry->colour;
}

bool add_details(Line& line, std::string_view type, const Value& data) {
  const Known* entry = known(type);
  if (entry == nullptr) return false;
  Parts parts(line);
  entry->add(parts, data);
  return parts.any();
}

}  // namespace client
