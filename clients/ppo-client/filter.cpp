#include "ppo-client/filter.h"

#include <algorithm>

#include "feed/json.h"
#include "ppo-client/number.h"

namespace client {
namespace {

using feed::Error;
using feed::Result;
using Added = Filter::Added;

Error bad(std::string_view condition, const std::string& must) {
  return Error{"the filter is '" + std::string(condition) + "'; " + must};
}

struct Word {
  std::string text;
  bool quoted = false;
};

// Splits at | outside of quotes. Nothing where a quote is not closed, or something follows a closed
// one.
std::optional<std::vector<Word>> split(std::string_view value) {
  std::vector<Word> words(1);
  for (size_t at = 0; at < value.size();) {
    Word& word = words.back();
    if (value[at] == '|') {
      words.emplace_back();
      ++at;
    } else if (value[at] != '"' || !word.text.empty()) {
      word.text += value[at++];
    } else {
      word.quoted = true;
      for (++at; at < value.size() && value[at] != '"'; ++at) {
        if (value[at] == '\\' && at + 1 < value.size()) ++at;
        word.text += value[at];
      }
      if (at == value.size()) return std::nullopt;
      ++at;
      if (at < value.size() && value[at] != '|') return std::nullopt;
    }
  }
  return words;
}

std::string range(const std::optional<std::string>& min, const std::optional<std::string>& max) {
  feed::json::Object object;
  if (min) object.add("min", *min);
  if (max) object.add("max", *max);
  return object.text();
}

// "10..20", "10..", "..20" as a range; nothing where it is something else.
std::optional<std::string> parse_range(std::string_view text) {
  const size_t dots = text.find("..");
  if (dots == std::string_view::npos || text.size() == 2) return std::nullopt;
  const std::string_view from = text.substr(0, dots);
  const std::string_view to = text.substr(dots + 2);
  const auto min = parse_amount(from);
  const auto max = parse_amount(to);
  if ((!from.empty() && !min) || (!to.empty() && !max)) return std::nullopt;
  return range(min, max);
}

// What a word may be in an event, as JSON.
void add_meanings(const Word& word, std::vector<std::string>& values) {
  const auto add = [&](std::string value) {
    if (std::find(values.begin(), values.end(), value) == values.end()) {
      values.push_back(std::move(value));
    }
  };
  if (!word.quoted) {
    if (auto numbers = parse_range(word.text)) return add(std::move(*numbers));
    if (auto amount = parse_amount(word.text)) add(std::move(*amount));
    if (word.text == "true" || word.text == "false" || word.text == "null") add(word.text);
  }
  add(feed::json::quote(word.text));
}

}  // namespace

Filter::Key& Filter::key(std::string_view name) {
  const auto found = std::find_if(keys_.begin(), keys_.end(),
                                  [&](const Key& known) { return known.name == name; });
  if (found != keys_.end()) return *found;
  keys_.emplace_back();
  keys_.back().name = name;
  return keys_.back();
}

Result<Added> Filter::add(std::string_view name, std::string_view value) {
  const std::string condition = std::string(name) + "=" + std::string(value);
  Key& wanted = key(name);
  if (wanted.min || wanted.max) {
    return bad(condition, "the same key cannot have both = and >= or <=");
  }
  const auto words = split(value);
  if (!words) return bad(condition, "a quote must be closed, and | must follow it");
  for (const Word& word : *words) add_meanings(word, wanted.values);
  return Added{};
}

Result<Added> Filter::add(std::string_view condition) {
  const size_t sign = condition.find_first_of("=<>!");
  if (sign == std::string_view::npos || sign == 0) {
    return bad(condition, "it must be KEY=VALUE, KEY>=NUMBER or KEY<=NUMBER");
  }
  const std::string_view name = condition.substr(0, sign);
  if (condition[sign] == '=') return add(name, condition.substr(sign + 1));
  if (condition[sign] == '!' || condition.substr(sign + 1, 1) != "=") {
    return bad(condition, "the bridge knows =, >= and <= only (quote them for the shell)");
  }

  const auto amount = parse_amount(condition.substr(sign + 2));
  if (!amount)
    return bad(condition, "what follows >= or <= must be a number, like 250, 0.5 or 1.67m");
  Key& wanted = key(name);
  if (!wanted.values.empty()) {
    return bad(condition, "the same key cannot have both = and >= or <=");
  }
  auto& bound = condition[sign] == '>' ? wanted.min : wanted.max;
  if (bound) return bad(condition, "the same bound is given twice");
  bound = *amount;
  return Added{};
}

std::string Filter::json() const {
  feed::json::Object filter;
  for (const Key& wanted : keys_) {
    if (wanted.values.empty()) {
      if (wanted.min || wanted.max) filter.add(wanted.name, range(wanted.min, wanted.max));
    } else if (wanted.values.size() == 1) {
      filter.add(wanted.name, wanted.values.front());
    } else {
      std::string list;
      for (const std::string& value : wanted.values) list += (list.empty() ? "" : ",") + value;
      filter.add(wanted.name, "[" + list + "]");
    }
  }
  return filter.empty() ? std::string() : filter.text();
}

}  // namespace client
