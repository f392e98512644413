#include "alerts/rule.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <utility>

#include "base/text.h"
#include "event/event_fields.h"
#include "event/json_scanner.h"

namespace bridge {

enum class Compare : std::uint8_t { equal, unequal, greater, at_least, less, at_most, contains };

namespace {

constexpr std::string_view kSpace = " \t\r\n\f\v";
constexpr std::string_view kEnds = " \t\r\n\f\v\"=<>!()~";  // of a word
constexpr std::size_t kShownMax = 40;
constexpr std::int64_t kTimeMinUs = 1'000'000;
constexpr std::int64_t kTimeMaxUs = 86'400'000'000;

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool is_digit_at(std::string_view s, std::size_t at) { return at < s.size() && s[at] >= '0' && s[at] <= '9'; }

// Takes digits, and what may stand between them: 1000, 1_000 or 1,000. Empty where they are no number.
std::string take_whole(std::string_view s, std::size_t* at) {
  std::string digits;
  std::size_t group = 0;
  std::optional<char> mark;
  for (; is_digit_at(s, *at) || (*at < s.size() && (s[*at] == ',' || s[*at] == '_')); ++*at) {
    const char c = s[*at];
    if (c != ',' && c != '_') {
      digits += c;
      ++group;
      continue;
    }
    const bool first = !mark;
    if (group == 0 || (!first && *mark != c)) return {};
    if (c == ',' && (first ? group > 3 || digits[0] == '0' : group != 3)) return {};
    mark = c;
    group = 0;
  }
  if (group == 0 || (mark == ',' && group != 3)) return {};
  return digits;
}

// The number that a word is; infinite where it is too large, nothing where it is none.
std::optional<double> read_rule_number(std::string_view s) {
  std::size_t at = !s.empty() && s[0] == '-' ? 1 : 0;
  std::string plain = at == 1 ? "-" : "";
  const std::string whole = take_whole(s, &at);
  if (whole.empty()) return std::nullopt;
  plain += whole;
  const auto take_digits = [&] {
    const std::size_t before = at;
    while (is_digit_at(s, at)) plain += s[at++];
    return at > before;
  };
  if (at < s.size() && s[at] == '.') {
    plain += s[at++];
    if (!take_digits()) return std::nullopt;
  }
  if (at < s.size() && lower(s[at]) == 'e') {
    plain += s[at++];
    if (at < s.size() && (s[at] == '+' || s[at] == '-')) {
      plain += s[at++];
    }
    if (!take_digits()) return std::nullopt;
  }
  double unit = 1;
  if (at < s.size()) {
    switch (lower(s[at++])) {
      case 'k': unit = 1e3; break;
      case 'm': unit = 1e6; break;
      case 'b': unit = 1e9; break;
      case '%': unit = 0.01; break;
      default: return std::nullopt;
    }
  }
  if (at != s.size()) return std::nullopt;
  return number_of(plain).value_or(HUGE_VAL) * unit;
}

struct Token {
  enum class Kind { end, word, quoted, sign } kind = Kind::end;
  std::size_t at = 0;
  std::string_view raw;

  bool is(std::string_view what) const { return kind != Kind::quoted && raw == what; }
};

// Recursive descent; the first thing that is wrong is thrown as a RuleError.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) { next(); }

  Rule parse() {
    parse_what();
    if (token_.is("for")) {
      if (!rule_.can_end()) fail("the end, as nothing but a person ends what this tells of");
      next();
      rule_.for_us = take_time();
    }
    const bool more = rule_.what == Rule::What::events && rule_.for_us == 0;
    if (token_.kind != Token::Kind::end) {
      fail(!more ? (rule_.for_us == 0 && rule_.can_end() ? "for, or the end" : "the end")
           : rule_.program.empty() ? "where, or the end"
                                   : "and, or, for, or the end");
    }
    return std::move(rule_);
  }

 private:
  [[noreturn]] void fail(std::string expected) const { fail(token_, std::move(expected)); }
  [[noreturn]] void fail(const Token& token, std::string expected) const {
    throw RuleError{token.at, std::move(expected),
                    token.kind == Token::Kind::end ? "the end" : printable(token.raw, kShownMax)};
  }

  // `comma`: it ends a word too.
  void next(bool comma = false) {
    const std::size_t at = text_.find_first_not_of(kSpace, at_);
    if (at == std::string_view::npos) {
      token_ = {Token::Kind::end, text_.size(), {}};
      at_ = text_.size();
      return;
    }
    std::size_t end = at + 1;
    Token::Kind kind = Token::Kind::sign;
    switch (text_[at]) {
      case '"':
        kind = Token::Kind::quoted;
        while (end < text_.size() && text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
        if (end >= text_.size()) throw RuleError{at, "a text that ends with \"", "no \" behind it"};
        ++end;
        break;
      case '=': case '!': case '<': case '>':
        if (end < text_.size() && text_[end] == '=') ++end;
        break;
      case '(': case ')': case '~':
        break;
      default:
        kind = Token::Kind::word;
        if (comma && text_[at] == ',') break;
        while (end < text_.size() && kEnds.find(text_[end]) == std::string_view::npos &&
               !(comma && text_[end] == ',')) {
          ++end;
        }
    }
    token_ = {kind, at, text_.substr(at, end - at)};
    at_ = end;
  }

  void expect(std::string_view what) {
    if (!token_.is(what)) fail(std::string(what));
    next();
  }

  bool take(std::string_view what) {
    if (!token_.is(what)) return false;
    next();
    return true;
  }

  void take_state(Rule::What what, std::initializer_list<std::string_view> states) {
    next();
    rule_.what = what;
    if (token_.kind != Token::Kind::word || std::find(states.begin(), states.end(), token_.raw) == states.end()) {
      std::string all;
      for (const std::string_view state : states) all += (all.empty() ? "" : ", ") + std::string(state);
      fail("one of " + all);
    }
    rule_.types = token_.raw;
    next();
  }

  void parse_what() {
    if (token_.is("gap")) {
      rule_.what = Rule::What::gap;
      return next();
    }
    if (token_.is("source")) return take_state(Rule::What::source, {"stalled", "gone", "connected", "conflict"});
    if (token_.is("run")) return take_state(Rule::What::run, {"crashed", "finished", "interrupted", "lost"});
    const std::size_t behind = text_.find_first_not_of(kSpace, at_);
    const bool count = token_.is("count") && behind != std::string_view::npos && text_[behind] == '(';
    if (!count) return parse_events();
    next();
    next();
    parse_events();
    if (!token_.is(")")) fail(rule_.program.empty() ? "where, or )" : "and, or, or )");
    next();
    expect("per");
    rule_.what = Rule::What::count;
    rule_.window_us = take_time();
    rule_.how = take_operator("one of = != > >= < <=");
    if (rule_.how == Compare::contains) fail(last_, "one of = != > >= < <=");
    const auto number = token_.kind == Token::Kind::word ? read_rule_number(token_.raw) : std::nullopt;
    if (!number || !std::isfinite(*number)) fail("a number, such as 100 or 1.5k");
    rule_.number = *number;
    next();
  }

  void parse_events() {
    const std::string_view types = token_.raw;
    const bool word = token_.kind == Token::Kind::word;
    const bool all = word && types.back() == '*';
    if (!word || (types != "*" && !is_type_name(all ? types.substr(0, types.size() - 1) : types))) {
      fail("a type of events, such as trade_executed, order_* or *");
    }
    rule_.types = types;
    next();
    if (take("where")) parse_any();
  }

  void parse_any() {
    parse_all();
    while (take("or")) {
      parse_all();
      rule_.program.push_back(Rule::kOr);
    }
  }

  void parse_all() {
    parse_one();
    while (take("and")) {
      parse_one();
      rule_.program.push_back(Rule::kAnd);
    }
  }

  void parse_one() {
    const bool negated = token_.is("not");
    if (!negated && !token_.is("(")) return parse_test();
    if (++level_ > kRuleLevelsMax) fail("at most " + std::to_string(kRuleLevelsMax) + " levels of not and parentheses");
    next();
    if (negated) {
      parse_one();
      rule_.program.push_back(Rule::kNot);
    } else {
      parse_any();
      if (!token_.is(")")) fail("and, or, or )");
      next();
    }
    --level_;
  }

  void take_field(RuleTest* test, bool comma) {
    if (token_.kind != Token::Kind::word || (comma && token_.raw == ",")) fail("a field of the event");
    test->field = token_.raw;
    next(comma);
  }

  void parse_test() {
    RuleTest test;
    if (rule_.tests.size() >= kRuleTestsMax) fail("at most " + std::to_string(kRuleTestsMax) + " comparisons");
    const Token first = token_;
    take_field(&test, false);
    constexpr std::array<std::string_view, 6> kAggregates = {"", "avg", "min", "max", "sum", "last"};
    const auto aggregate = std::find(kAggregates.begin() + 1, kAggregates.end(), first.raw);
    if (token_.is("(")) {
      if (aggregate == kAggregates.end()) fail(first, "one of avg, min, max, sum, last in front of (");
      if (++aggregates_ > kRuleAggregatesMax) {
        fail(first, "at most " + std::to_string(kRuleAggregatesMax) + " aggregates");
      }
      test.of = static_cast<RuleTest::Of>(aggregate - kAggregates.begin());
      next(true);
      take_field(&test, true);
      expect(",");
      test.window_us = take_time();
      expect(")");
    }
    if (test.of == RuleTest::Of::field && take("is")) {
      const bool negated = take("not");
      std::string word(token_.kind == Token::Kind::word ? token_.raw : std::string_view());
      std::transform(word.begin(), word.end(), word.begin(), lower);
      if (word != "nan" && word != "null") fail(negated ? "NaN or null" : "NaN, null or not");
      test.asks = word == "nan" ? RuleTest::Asks::is_nan : RuleTest::Asks::is_null;
      next();
      add(std::move(test));
      if (negated) rule_.program.push_back(Rule::kNot);
      return;
    }
    test.how = take_operator(test.of == RuleTest::Of::field ? "one of = != > >= < <= ~ is" : "one of = != > >= < <=");
    if (test.of != RuleTest::Of::field && test.how == Compare::contains) fail(last_, "one of = != > >= < <=");
    take_value(&test);
    add(std::move(test));
  }

  void add(RuleTest test) {
    rule_.program.push_back(static_cast<std::uint8_t>(rule_.tests.size()));
    rule_.tests.push_back(std::move(test));
  }

  Compare take_operator(const char* which) {
    constexpr std::array<std::pair<std::string_view, Compare>, 8> kOperators = {
        {{"=", Compare::equal}, {"==", Compare::equal}, {"!=", Compare::unequal}, {">", Compare::greater},
         {">=", Compare::at_least}, {"<", Compare::less}, {"<=", Compare::at_most}, {"~", Compare::contains}}};
    for (const auto& [sign, how] : kOperators) {
      if (!token_.is(sign)) continue;
      last_ = token_;
      next();
      return how;
    }
    fail(which);
  }

  void take_value(RuleTest* test) {
    using Kind = FieldValue::Kind;
    if (token_.kind != Token::Kind::word && token_.kind != Token::Kind::quoted) fail("a value");
    const std::string_view raw = token_.raw;
    test->kind = Kind::text;
    test->text = raw;
    if (token_.kind == Token::Kind::quoted) {
      JsonScanner scan(raw);
      JsonString meaning;
      if (!scan.string(&meaning) || !scan.at_end()) fail("a text as JSON writes it");
      test->text.clear();
      append_decoded(test->text, meaning.raw);
    } else if (test->how == Compare::contains) {
    } else if (raw == "true" || raw == "false") {
      test->kind = Kind::boolean;
      test->boolean = raw == "true";
    } else if (raw == "null") {
      test->kind = Kind::null;
    } else if (const auto number = read_rule_number(raw)) {
      if (!std::isfinite(*number)) fail("a number that a double can hold");
      test->kind = Kind::number;
      test->number = *number;
    }
    const bool ordered = test->how != Compare::equal && test->how != Compare::unequal && test->how != Compare::contains;
    if ((ordered || test->of != RuleTest::Of::field) && test->kind != Kind::number) {
      fail("a number, such as 100k or 0.05");
    }
    next();
  }

  std::int64_t take_time() {
    const std::string_view raw = token_.raw;
    const double unit = raw.empty() ? 0 : raw.back() == 's' ? 1e6 : raw.back() == 'm' ? 60e6 : raw.back() == 'h' ? 3600e6 : 0;
    const std::string_view digits = raw.substr(0, raw.empty() ? 0 : raw.size() - 1);
    const bool plain = token_.kind == Token::Kind::word && digits.find_first_not_of("0123456789.") == std::string_view::npos;
    const auto number = plain && unit != 0 ? read_rule_number(digits) : std::nullopt;
    const double us = number.value_or(0) * unit;
    if (!(us >= static_cast<double>(kTimeMinUs) && us <= static_cast<double>(kTimeMaxUs))) {
      fail("a time from 1s to 24h, such as 30s or 5m");
    }
    next();
    return std::llround(us);
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  Token token_;  // the next one
  Token last_;   // the last operator
  Rule rule_;
  std::size_t aggregates_ = 0;
  int level_ = 0;
};

}  // namespace

bool compare(double a, Compare how, double b) {
  switch (how) {
    case Compare::equal: return a == b;
    case Compare::unequal: return a != b;
    case Compare::greater: return a > b;
    case Compare::at_least: return a >= b;
    case Compare::less: return a < b;
    case Compare::at_most: return a <= b;
    case Compare::contains: return false;
  }
  return false;
}

bool rises(Compare how) { return how == Compare::greater || how == Compare::at_least; }
bool asks_for_part(Compare how) { return how == Compare::contains; }

bool RuleTest::holds(const FieldValue& value) const {
  using Kind = FieldValue::Kind;
  const bool nothing = value.kind == Kind::absent || value.kind == Kind::null;
  if (asks == Asks::is_null) return nothing;
  if (asks == Asks::is_nan) return value.kind == Kind::null || (value.kind == Kind::number && !std::isfinite(value.number));
  if (how == Compare::contains) {
    return value.kind == Kind::text &&
           std::search(value.text.begin(), value.text.end(), text.begin(), text.end(),
                       [](char a, char b) { return lower(a) == lower(b); }) != value.text.end();
  }
  if (how != Compare::equal && how != Compare::unequal) {
    return value.kind == Kind::number && std::isfinite(value.number) && compare(value.number, how, number);
  }
  const bool same = kind == Kind::null      ? nothing
                    : kind != value.kind    ? false
                    : kind == Kind::number  ? value.number == number
                    : kind == Kind::boolean ? value.boolean == boolean
                                            : value.text == text;
  return same == (how == Compare::equal);
}

bool Rule::holds(std::uint64_t results) const {
  std::uint64_t stack = 0;  // the last result is the lowest bit; levels bound its height
  for (const std::uint8_t step : program) {
    switch (step) {
      case kNot: stack ^= 1; break;
      case kAnd: stack = (stack >> 1) & ~(std::uint64_t{1} & ~stack); break;
      case kOr: stack = (stack >> 1) | (stack & 1); break;
      default: stack = stack << 1 | (results >> step & 1);
    }
  }
  return program.empty() || (stack & 1) != 0;
}

Result<Rule, RuleError> parse_rule(std::string_view text) {
  if (text.size() > kRuleBytesMax) {
    return RuleError{kRuleBytesMax, "at most " + std::to_string(kRuleBytesMax) + " bytes",
                     std::to_string(text.size())};
  }
  try {
    return Parser(text).parse();
  } catch (const RuleError& error) {
    return error;
  }
}

}  // namespace bridge
