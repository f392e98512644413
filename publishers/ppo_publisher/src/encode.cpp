#include "encode.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "json_text.h"
#include "names.h"
#include "shared/text/utf8.h"

namespace ppo {
namespace {

// Writes one flat object, member by member. Lives only while `out` does.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& out) : out_(out) { out_ += '{'; }

  ObjectWriter& text(std::string_view name, std::string_view value) {
    key(name);
    append_json_string(out_, value);
    return *this;
  }
  ObjectWriter& integer(std::string_view name, std::int64_t value) {
    key(name);
    append_integer(out_, value);
    return *this;
  }
  ObjectWriter& integer(std::string_view name, const std::optional<std::int64_t>& value) {
    return value ? integer(name, *value) : *this;
  }
  ObjectWriter& real(std::string_view name, double value) {
    key(name);
    append_double(out_, value);
    return *this;
  }
  ObjectWriter& real(std::string_view name, const std::optional<double>& value) {
    return value ? real(name, *value) : *this;
  }
  ObjectWriter& any_agent(std::string_view id) { return id.empty() ? *this : agent(id); }
  ObjectWriter& agent(std::string_view id) {
    if (!is_name(id)) wrong("agent_id", id, kNameRange);
    return text("agent_id", id);
  }
  ObjectWriter& object(std::string_view name, std::string_view json) {
    key(name);
    if (!append_json_object(out_, json))
      wrong(name, json, "the text of a JSON object of at most 63 levels");
    return *this;
  }
  ObjectWriter& finite(std::string_view name, double value) {
    if (std::isfinite(value)) return real(name, value);
    key(name);
    out_ += "null";
    return *this;
  }
  ObjectWriter& tag(std::string_view tag) {
    if (tag.empty() || tag.size() > 256) wrong("tag", tag, "1..256 bytes of text");
    return text("tag", tag);
  }
  ObjectWriter& counts(std::string_view name, const std::map<std::string, std::int64_t>& items) {
    key(name);
    ObjectWriter inner(out_);
    for (const auto& [item, quantity] : items) {
      inner.next();
      append_json_string(out_, item);
      out_ += ':';
      append_integer(out_, quantity);
    }
    inner.end();
    return *this;
  }
  // False when a member was not what it must be: then the text says so.
  bool end() {
    out_ += '}';
    if (wrong_key_.empty()) return true;
    out_ = std::string(wrong_key_) + " is '" + printable(wrong_value_) + "'; must be " +
           std::string(range_);
    return false;
  }

 private:
  void wrong(std::string_view key, std::string_view value, std::string_view range) {
    wrong_key_ = key;
    wrong_value_ = value;
    range_ = range;
  }
  void next() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  // `name` is one of ours: short, and in no need of escaping. Appended at once, since appending is
  // most of what writing an event costs.
  void key(std::string_view name) {
    std::array<char, 64> text;
    std::size_t size = 0;
    if (!std::exchange(first_, false)) text[size++] = ',';
    text[size++] = '"';
    size += name.copy(&text[size], text.size() - 4);
    text[size++] = '"';
    text[size++] = ':';
    out_.append(text.data(), size);
  }

  std::string& out_;
  bool first_ = true;
  std::string_view wrong_key_;
  std::string_view wrong_value_;
  std::string_view range_;
};

void append_escape(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 0xF];
  }
}

bool needs_escape(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  const char* p = text.data();
  const char* const end = p + text.size();
  const char* plain = p;  // what is still to be copied as it is
  const auto copy_plain = [&] { out.append(plain, static_cast<std::size_t>(p - plain)); };
  out += '"';
  while (p < end) {
    if (needs_escape(*p)) {
      copy_plain();
      append_escape(out, *p);
      plain = ++p;
    } else if (const int size = utf8::size_at(p, end); size > 0) {
      p += size;
    } else {
      copy_plain();
      out += "\xEF\xBF\xBD";
      plain = ++p;
    }
  }
  copy_plain();
  out += '"';
}

void append_integer(std::string& out, std::int64_t value) {
  char buffer[24];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  out.append(buffer, end);
}

void append_double(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value < 0 ? "-Infinity" : "Infinity";
  } else {
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    out.append(buffer, end);
    const bool whole = std::none_of(buffer, end, [](char c) { return c == '.' || c == 'e'; });
    if (whole) out += ".0";
  }
}

bool append_json_object(std::string& out, std::string_view text) {
  const JsonText kind = check_json_object(text);
  if (kind == JsonText::malformed) return false;
  const auto start = static_cast<std::ptrdiff_t>(out.size());
  out += text;
  if (kind == JsonText::object_with_breaks) {
    std::replace_if(
        out.begin() + start, out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  }
  return true;
}

bool encode(const TradeExecuted& event, std::string& out) {
  return ObjectWriter(out)
      .agent(event.agent_id)
      .text("action_type", event.action_type)
      .text("item", event.item)
      .integer("price", event.price)
      .integer("quantity", event.quantity)
      .real("profit", event.profit)
      .integer("total_value", event.total_value)
      .integer("order", event.order)
      .end();
}

bool encode(const PriceUpdate& event, std::string& out) {
  return ObjectWriter(out)
      .text("item", event.item)
      .integer("price", event.price)
      .integer("change", event.change)
      .real("change_percent", event.change_percent)
      .integer("volume", event.volume)
      .end();
}

bool encode(const MarginUpdate& event, std::string& out) {
  return ObjectWriter(out)
      .text("item", event.item)
      .integer("buy_price", event.buy_price)
      .integer("sell_price", event.sell_price)
      .integer("margin", event.margin)
      .real("margin_percent", event.margin_percent)
      .integer("margin_after_tax", event.margin_after_tax)
      .end();
}

bool encode(const AgentDecision& event, std::string& out) {
  return ObjectWriter(out)
      .agent(event.agent_id)
      .text("action_type", event.action_type)
      .text("item", event.item)
      .integer("price", event.price)
      .integer("quantity", event.quantity)
      .text("reasoning", event.reasoning)
      .end();
}

bool encode(const PortfolioUpdate& event, std::string& out) {
  return ObjectWriter(out)
      .agent(event.agent_id)
      .integer("gp", event.gp)
      .counts("inventory", event.inventory)
      .integer("total_value", event.total_value)
      .integer("inventory_value", event.inventory_value)
      .end();
}

bool encode(const MarketAnalysis& event, std::string& out) {
  return ObjectWriter(out)
      .text("item", event.item)
      .text("analysis_type", event.analysis_type)
      .object("data", event.data)
      .end();
}

bool encode(const SystemStatus& event, std::string& out) {
  return ObjectWriter(out).text("status", event.status).text("message", event.message).end();
}

bool encode(const ErrorEvent& event, std::string& out) {
  return ObjectWriter(out)
      .text("error_type", event.error_type)
      .text("message", event.message)
      .object("details", event.details)
      .end();
}

bool encode(const TrainingUpdate& event, std::string& out) {
  return ObjectWriter(out)
      .any_agent(event.agent_id)
      .integer("update", event.update)
      .integer("steps", event.steps)
      .real("policy_loss", event.policy_loss)
      .real("value_loss", event.value_loss)
      .real("entropy", event.entropy)
      .real("approx_kl", event.approx_kl)
      .real("clip_fraction", event.clip_fraction)
      .real("explained_variance", event.explained_variance)
      .real("steps_per_second", event.steps_per_second)
      .end();
}

bool encode(const Scalar& event, std::string& out) {
  return ObjectWriter(out)
      .tag(event.tag)
      .finite("value", event.value)
      .integer("step", event.step)
      .any_agent(event.agent_id)
      .end();
}

bool encode(const EpisodeEnd& event, std::string& out) {
  return ObjectWriter(out)
      .agent(event.agent_id)
      .integer("episode", event.episode)
      .integer("steps", event.steps)
      .integer("global_step", event.global_step)
      .integer("length", event.steps)
      .real("reward", event.reward)
      .integer("profit", event.profit)
      .integer("final_value", event.final_value)
      .end();
}

}  // namespace ppo
