// Rules of alerts: `trade_executed where profit > 100k and item = "Abyssal whip"`, `source stalled for 30s`. The
// grammar is in PROTOCOL, section 9.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bridge {

inline constexpr std::size_t kRuleBytesMax = 1024;
inline constexpr std::size_t kRuleTestsMax = 64;  // a bit each
inline constexpr std::size_t kRuleAggregatesMax = 8;
inline constexpr int kRuleLevelsMax = 32;

enum class Compare : std::uint8_t;  // what a rule's operator asks; which there are, only rule.cpp knows
bool compare(double a, Compare how, double b);
bool rises(Compare how);          // a number that grows can only begin to pass
bool asks_for_part(Compare how);  // whether a text is in a text

// What a field of an event is, or is to be compared with.
struct FieldValue {
  enum class Kind : std::uint8_t { absent, null, boolean, number, text, other } kind = Kind::absent;
  bool boolean = false;
  double number = 0;
  std::string_view text;
};

// One comparison.
struct RuleTest {
  enum class Of : std::uint8_t { field, avg, min, max, sum, last } of = Of::field;
  enum class Asks : std::uint8_t { comparison, is_nan, is_null } asks = Asks::comparison;
  std::string field;           // dots between the names of members
  std::int64_t window_us = 0;  // of an aggregate
  Compare how{};
  FieldValue::Kind kind = FieldValue::Kind::null;  // of the value compared with
  bool boolean = false;
  double number = 0;
  std::string text;  // its meaning; for `~` as it was written

  // Of a field. Aggregates are numbers, for compare().
  bool holds(const FieldValue& value) const;
};

struct Rule {
  enum class What : std::uint8_t { events, count, source, run, gap } what = What::events;
  std::string types;  // or a beginning of them with * behind it; of a source or a run: which state
  std::vector<RuleTest> tests;
  // The condition in postfix order: tests by number, and kAnd, kOr, kNot. Empty: no condition.
  static constexpr std::uint8_t kAnd = 0x80, kOr = 0x81, kNot = 0x82;
  std::vector<std::uint8_t> program;
  std::int64_t window_us = 0;  // of count
  Compare how{};
  double number = 0;
  std::int64_t for_us = 0;

  bool wants(std::string_view type) const {
    return types.back() == '*' ? type.substr(0, types.size() - 1) == types.substr(0, types.size() - 1)
                               : type == types;
  }
  // Whether something else than a person can end what it tells of.
  bool can_end() const {
    return what == What::count || !program.empty() || (what == What::source && types != "conflict");
  }
  // The condition, of the tests' results, a bit each.
  bool holds(std::uint64_t results) const;
};

struct RuleError {
  std::size_t position = 0;  // bytes; the text's length: its end
  std::string expected;
  std::string found;

  std::string message() const {
    return "at byte " + std::to_string(position) + ": expected " + expected + ", found " + found;
  }
};

// REQUIRES: is_utf8(text).
Result<Rule, RuleError> parse_rule(std::string_view text);

}  // namespace bridge
