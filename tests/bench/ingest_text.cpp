#include "ingest_text.h"

#include <charconv>
#include <initializer_list>
#include <iterator>
#include <numeric>
#include <random>

namespace bench {
namespace {

constexpr std::size_t kBodies = 1024;  // different ones; with more the text no longer fits a cache

constexpr const char* kItems[] = {"Abyssal whip", "Dragon bones",  "Coal",        "Zulrah's scales",
                                  "Yew logs",     "Caf\\u00e9 rune", "Nature rune", "Amulet of glory(4)",
                                  "Shark",        "Twisted bow",   "Raw monkfish", "Ranarr potion (unf)"};

// Values as they vary from event to event, the same in each run.
class Values {
 public:
  std::string item() { return kItems[random_() % std::size(kItems)]; }
  std::string agent() { return "agent_" + whole(0, 3); }
  // Of any order of magnitude, as prices are.
  std::string price() { return std::to_string(1 + random_() % magnitude()); }
  std::string change() { return (random_() % 2 == 0 ? "-" : "") + price(); }
  std::string whole(std::uint64_t from, std::uint64_t to) {
    return std::to_string(from + random_() % (to - from + 1));
  }
  // In its shortest form, as a double is written.
  std::string real() {
    char text[32];
    const double value = (static_cast<double>(random_()) / 4294967296.0 - 0.5) * 10.0;
    return {text, std::to_chars(text, text + sizeof text, value).ptr};
  }
  std::string side() { return random_() % 2 == 0 ? "buy" : "sell"; }
  std::string flag() { return random_() % 2 == 0 ? "true" : "false"; }

 private:
  std::uint64_t magnitude() {
    std::uint64_t limit = 10;
    for (auto digits = random_() % 7; digits > 0; --digits) limit *= 10;
    return limit;
  }
  std::mt19937 random_{42};
};

// The text of an object: keys and values in turns; values that are text have their quotes.
std::string object(std::initializer_list<std::string> parts) {
  std::string out = "{";
  bool is_key = true;
  for (const std::string& part : parts) {
    if (is_key && out.size() > 1) out += ',';
    out += is_key ? '"' + part + "\":" : part;
    is_key = !is_key;
  }
  return out + '}';
}

std::string text(const std::string& s) { return '"' + s + '"'; }

// The eight types in turn; returns the type and sets `data`.
std::string make_event(std::size_t kind, Values& v, std::string& data) {
  switch (kind % 8) {
    case 0:
      data = object({"agent_id", text(v.agent()), "action_type", text(v.side()), "item",
                     text(v.item()), "price", v.price(), "quantity", v.price(), "profit", v.real()});
      return "trade_executed";
    case 1:
      data = object({"item", text(v.item()), "price", v.price(), "change", v.change(),
                     "change_percent", v.real(), "volume", v.price()});
      return "price_update";
    case 2:
      data = object({"item", text(v.item()), "buy_price", v.price(), "sell_price", v.price(),
                     "margin", v.change(), "margin_percent", v.real()});
      return "margin_update";
    case 3:
      data = object({"agent_id", text(v.agent()), "action_type", text(v.side()), "item",
                     text(v.item()), "price", v.price(), "quantity", v.price(), "reasoning",
                     text("margin above " + v.whole(1, 12) + " %")});
      return "agent_decision";
    case 4:
      data = object({"agent_id", text(v.agent()), "gp", v.price(), "inventory",
                     object({v.item(), v.price(), "Coal", v.price()}), "total_value", v.price()});
      return "portfolio_update";
    case 5:
      data = object({"item", text(v.item()), "analysis_type", text("trend"), "data",
                     object({"slope", v.real(), "window", v.whole(8, 128), "rising", v.flag()})});
      return "market_analysis";
    case 6:
      data = object({"status", text("running"), "message",
                     text("update " + v.whole(1, 5000) + " of 5000, " + v.whole(900, 20000) +
                          " steps/s, checkpoint " + v.whole(1, 99) + " written")});
      return "system_status";
    default:
      data = object({"error_type", text("order_refused"), "message",
                     text("limit of \\\"" + v.item() + "\\\" reached"), "details",
                     object({"code", v.whole(1, 20), "left_s", "null"})});
      return "error";
  }
}

}  // namespace

IngestText::IngestText(const std::string& run) {
  Values values;
  for (std::size_t i = 0; i < kBodies; ++i) {
    std::string data;
    const std::string type = make_event(i, values, data);
    std::string& body = beginnings_.emplace_back(R"({"type":")");
    body.append(type).append(R"(","data":)").append(data);
    body.append(R"(,"timestamp":1619395200.)").append(values.whole(100'000, 999'999));
    body.append(R"(,"source":"trainer-1","run":")").append(run).append(R"(","source_seq":)");
  }
}

void IngestText::append_body(std::string& out, std::uint64_t source_seq) const {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof digits, source_seq).ptr;
  out.append(beginnings_[source_seq % beginnings_.size()]);
  out.append(digits, end).push_back('}');
}

void IngestText::append_message(std::string& out, std::uint64_t first, std::uint64_t last) const {
  for (std::uint64_t number = first; number <= last; ++number) {
    if (number != first) out.push_back('\n');
    append_body(out, number);
  }
}

double IngestText::body_bytes() const {
  const std::size_t sum =
      std::accumulate(beginnings_.begin(), beginnings_.end(), std::size_t{0},
                      [](std::size_t n, const std::string& b) { return n + b.size() + 8; });
  return static_cast<double>(sum) / static_cast<double>(beginnings_.size());
}

}  // namespace bench
