#include "ppo-client/where.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "alerts/rule.h"
#include "feed/json.h"
#include "ppo-client/json_text.h"
#include "shared/text/utf8.h"

namespace client {
namespace {

using bridge::FieldValue;
using bridge::Rule;
using bridge::RuleTest;
using Kind = FieldValue::Kind;

constexpr const char* kWholeEvent = "*";  // a field that is the event's whole text

FieldValue field_of(const rapidjson::Value* value) {
  FieldValue field;
  if (value == nullptr) return field;
  if (value->IsNull()) {
    field.kind = Kind::null;
  } else if (value->IsBool()) {
    field.kind = Kind::boolean;
    field.boolean = value->GetBool();
  } else if (value->IsNumber()) {
    field.kind = Kind::number;
    field.number = value->GetDouble();
  } else if (value->IsString()) {
    field.kind = Kind::text;
    field.text = {value->GetString(), value->GetStringLength()};
  } else {
    field.kind = Kind::other;
  }
  return field;
}

// A member of data, or of one of its members; what data does not have may be the event's own.
FieldValue field_of(const rapidjson::Value& event, const std::string& path) {
  const rapidjson::Value* at = find(event, "data");
  for (size_t from = 0; at != nullptr && from <= path.size();) {
    const size_t dot = std::min(path.find('.', from), path.size());
    at = find(*at, path.substr(from, dot - from).c_str());
    from = dot + 1;
  }
  for (const char* own : {"source", "run", "type", "seq", "timestamp", "source_seq"}) {
    if (at == nullptr && path == own) at = find(event, own);
  }
  return field_of(at);
}

bool holds(const RuleTest& test, const rapidjson::Value& event, std::string_view text) {
  if (test.field != kWholeEvent || !bridge::asks_for_part(test.how)) return test.holds(field_of(event, test.field));
  FieldValue whole;
  whole.kind = Kind::text;
  whole.text = text;
  return test.holds(whole);
}

}  // namespace

feed::Result<Where> Where::read(std::string_view text) {
  const std::string named = "--where is '" + std::string(text) + "'; ";
  if (!utf8::is_valid(text)) return feed::Error{named + "must be UTF-8"};
  auto rule = bridge::parse_rule(text);
  if (!rule) return feed::Error{named + rule.error().message()};
  const auto& tests = rule.value().tests;
  if (rule.value().for_us != 0 || rule.value().what == Rule::What::count ||
      std::any_of(tests.begin(), tests.end(), [](const RuleTest& test) { return test.of != RuleTest::Of::field; })) {
    return feed::Error{named + "must be what one event alone decides: no `for`, no count, avg, min, max, sum nor last"};
  }
  return Where(std::make_shared<const Rule>(std::move(rule.value())));
}

std::string Where::types() const {
  if (rule_->what == Rule::What::events) return rule_->types;
  return rule_->what == Rule::What::run && rule_->types != "lost" ? "run_ended" : "system_status";
}

bool Where::passes(std::string_view text) const {
  const auto event = parse(text);
  if (!event) {  // a number is beyond what a double holds: only what asks for no field can be decided
    return rule_->what == Rule::What::events && rule_->program.empty() &&
           rule_->wants(feed::json::as_string(feed::json::member(text, "type")).value_or(""));
  }
  const std::string type = string_of(find(*event, "type"));
  const auto says = [&](const char* member, const std::string& wanted) {
    return type == types() && field_of(*event, member).text == wanted;
  };
  const bool own = string_of(find(*event, "source")) == "ppo-bridge";
  switch (rule_->what) {
    case Rule::What::gap: return own && says("status", "source_lost");
    case Rule::What::source: return own && says("status", "source_" + rule_->types);
    case Rule::What::run: return rule_->types == "lost" ? own && says("status", "source_gone") : says("state", rule_->types);
    default: break;
  }
  if (!rule_->wants(type)) return false;
  std::uint64_t results = 0;
  for (size_t i = 0; i < rule_->tests.size(); ++i) {
    results |= std::uint64_t{holds(rule_->tests[i], *event, text)} << i;
  }
  return rule_->holds(results);
}

}  // namespace client
