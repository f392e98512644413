#include "event/subscription.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/limits.h"
#include "base/text.h"
#include "event/json_document.h"
#include "event/json_value.h"
#include "event/number_field.h"
#include "event/readable.h"

namespace bridge {
namespace {

constexpr double kRateHzMin = 0.01;
constexpr double kRateHzMax = 100;
constexpr double kRateHzDefault = 10;

// {"mode":"all"} or {"mode":"latest","max_rate_hz":10} as microseconds from one to the next; 0 =
// all.
Result<std::int64_t> parse_deliver(const rapidjson::Value& v) {
  const rapidjson::Value* const mode = v.IsObject() ? find(v, "mode") : nullptr;
  if (mode == nullptr || !mode->IsString()) {
    return Failure{
        "deliver must be {\"mode\":\"all\"} or {\"mode\":\"latest\",\"max_rate_hz\":10}"};
  }
  if (view(*mode) == "all") return std::int64_t{0};
  if (view(*mode) != "latest") return Failure{"deliver.mode must be \"all\" or \"latest\""};
  const rapidjson::Value* const rate = find(v, "max_rate_hz");
  if (rate == nullptr) return std::llround(1e6 / kRateHzDefault);
  const auto hz = read_number(rate, "deliver.max_rate_hz", kRateHzMin, kRateHzMax);
  if (!hz) return hz.error();
  return std::llround(1e6 / hz.value());
}

bool is_pattern(std::string_view s) {
  if (s == "*") return true;
  if (!s.empty() && s.back() == '*') s.remove_suffix(1);
  return is_type_name(s);
}

FilterNumber number_of(const rapidjson::Value& v) {
  FilterNumber n;
  n.is_integer = v.IsInt64();
  if (n.is_integer) n.integer = v.GetInt64();
  n.real = v.GetDouble();
  return n;
}

Result<FilterValue> parse_value(const rapidjson::Value& v, const std::string& where) {
  FilterValue value;
  if (v.IsString()) {
    value.kind = FilterValue::Kind::text;
    value.text = view(v);
  } else if (v.IsNumber()) {
    value.kind = FilterValue::Kind::number;
    value.number = number_of(v);
  } else if (v.IsBool()) {
    value.kind = FilterValue::Kind::boolean;
    value.boolean = v.GetBool();
  } else if (v.IsObject()) {
    value.kind = FilterValue::Kind::range;
    for (const auto& member : v.GetObject()) {
      const std::string_view name = view(member.name);
      if ((name != "min" && name != "max") || !member.value.IsNumber()) {
        return Failure{where + "." + printable(name) +
                       " is not allowed; a range is {\"min\":number,\"max\":number}"};
      }
      (name == "min" ? value.min : value.max) = number_of(member.value);
    }
    if (!value.min && !value.max) return Failure{where + " must name min, max or both"};
  } else if (!v.IsNull()) {
    return Failure{where + " must be a string, number, true, false, null or a range"};
  }
  return value;
}

Result<FilterKey> parse_key(std::string_view name, const rapidjson::Value& v) {
  const std::string where = "filter." + printable(name);
  FilterKey key;
  key.key = name;
  if (!v.IsArray()) {
    auto value = parse_value(v, where);
    if (!value) return value.error();
    key.values.push_back(std::move(value.value()));
    return key;
  }
  if (v.Empty()) return Failure{where + " must not be an empty list"};
  for (rapidjson::SizeType i = 0; i < v.Size(); ++i) {
    auto value = parse_value(v[i], where + "[" + std::to_string(i) + "]");
    if (!value) return value.error();
    key.values.push_back(std::move(value.value()));
  }
  return key;
}

// `text` is a JSON value of an event; does it equal one of the values?
bool equals(const FilterValue& wanted, std::string_view text) {
  switch (wanted.kind) {
    case FilterValue::Kind::text: {
      if (text.size() < 2 || text.front() != '"') return false;
      const std::string_view raw = text.substr(1, text.size() - 2);
      if (raw.find('\\') == std::string_view::npos) return raw == wanted.text;
      std::string decoded;
      append_decoded(decoded, raw);
      return decoded == wanted.text;
    }
    case FilterValue::Kind::boolean:
      return text == (wanted.boolean ? "true" : "false");
    case FilterValue::Kind::null:
      return text == "null";
    case FilterValue::Kind::number:
    case FilterValue::Kind::range:
      break;
  }
  const auto number = FilterNumber::parse(text);
  if (!number) return false;
  if (wanted.kind == FilterValue::Kind::number) return number->compare(wanted.number) == 0;
  return (!wanted.min || number->compare(*wanted.min) >= 0) &&
         (!wanted.max || number->compare(*wanted.max) <= 0);
}

std::vector<std::string> sorted_unique(std::vector<std::string> v) {
  std::sort(v.begin(), v.end());
  v.erase(std::unique(v.begin(), v.end()), v.end());
  return v;
}

}  // namespace

std::optional<FilterNumber> FilterNumber::parse(std::string_view text) {
  FilterNumber n;
  const char* const end = text.data() + text.size();
  if (text.empty() || (text.front() != '-' && (text.front() < '0' || text.front() > '9'))) {
    return std::nullopt;
  }
  if (const auto r = std::from_chars(text.data(), end, n.integer);
      r.ec == std::errc{} && r.ptr == end) {
    n.is_integer = true;
    n.real = static_cast<double>(n.integer);
    return n;
  }
  const auto r = std::from_chars(text.data(), end, n.real);
  if (r.ptr != end) return std::nullopt;
  if (r.ec == std::errc::result_out_of_range) {
    // Beyond what a double holds: as large, or as near to nothing, as its sign and exponent say.
    const bool tiny = text.find("e-") != text.npos || text.find("E-") != text.npos;
    n.real = tiny ? 0.0 : (text.front() == '-' ? -HUGE_VAL : HUGE_VAL);
  }
  return n;
}

int FilterNumber::compare(const FilterNumber& other) const {
  if (is_integer && other.is_integer) {
    return integer < other.integer ? -1 : integer > other.integer ? 1 : 0;
  }
  return real < other.real ? -1 : real > other.real ? 1 : 0;
}

bool pattern_matches(std::string_view pattern, std::string_view type) {
  if (!pattern.empty() && pattern.back() == '*') {
    pattern.remove_suffix(1);
    return type.substr(0, pattern.size()) == pattern;
  }
  return pattern == type;
}

Result<std::vector<std::string>> parse_patterns(const rapidjson::Value& list,
                                                std::string_view field) {
  const std::string name(field);
  if (!list.IsArray()) return Failure{name + " must be a list of event types"};
  if (list.Size() > kSubscriptionPatternsMax) {
    return Failure{name + " has " + std::to_string(list.Size()) + " entries; must be at most " +
                   std::to_string(kSubscriptionPatternsMax)};
  }
  std::vector<std::string> patterns;
  for (rapidjson::SizeType i = 0; i < list.Size(); ++i) {
    const std::string where = name + "[" + std::to_string(i) + "]";
    if (!list[i].IsString()) return Failure{where + " must be a string"};
    if (!is_pattern(view(list[i]))) {
      return Failure{where + " is \"" + printable(view(list[i])) +
                     "\"; must be \"*\", a type (1-64 characters of A-Z a-z 0-9 _ . -) or the "
                     "beginning of one with * behind it"};
    }
    patterns.emplace_back(view(list[i]));
  }
  return patterns;
}

Result<Subscription> Subscription::parse(const rapidjson::Value& request) {
  Subscription s;
  const auto types = request.FindMember("subscriptions");
  if (types == request.MemberEnd() || types->value.IsNull()) {
    s.patterns_ = {"*"};
  } else {
    auto patterns = parse_patterns(types->value, "subscriptions");
    if (!patterns) return patterns.error();
    s.patterns_ = std::move(patterns.value());
  }
  const auto filter = request.FindMember("filter");
  if (filter != request.MemberEnd() && !filter->value.IsNull()) {
    if (!filter->value.IsObject()) return Failure{"filter must be an object"};
    if (filter->value.MemberCount() > kFilterKeysMax) {
      return Failure{"filter has " + std::to_string(filter->value.MemberCount()) +
                     " keys; must be at most " + std::to_string(kFilterKeysMax)};
    }
    // Before any is read: a request may hold many.
    std::size_t values = 0;
    for (const auto& member : filter->value.GetObject()) values += member.value.IsArray() ? member.value.Size() : 1;
    if (values > kFilterValuesMax) {
      return Failure{"filter has " + std::to_string(values) + " values; must be at most " +
                     std::to_string(kFilterValuesMax)};
    }
    std::vector<std::string> canonical;
    for (const auto& member : filter->value.GetObject()) {
      auto key = parse_key(view(member.name), member.value);
      if (!key) return key.error();
      s.filter_.push_back(std::move(key.value()));
      canonical.push_back(json_text(member.name) + ':' + json_text(member.value));
    }
    if (!s.filter_.empty()) s.filter_json_ = json_text(filter->value);
    for (const std::string& part : sorted_unique(std::move(canonical))) s.filter_key_ += part;
  }
  const auto batch = request.FindMember("batch");
  if (batch != request.MemberEnd() && !batch->value.IsNull()) {
    if (!batch->value.IsBool()) return Failure{"batch must be true or false"};
    s.batch_ = batch->value.GetBool();
  }
  const auto deliver = request.FindMember("deliver");
  if (deliver != request.MemberEnd() && !deliver->value.IsNull()) {
    auto interval_us = parse_deliver(deliver->value);
    if (!interval_us) return interval_us.error();
    s.latest_interval_us_ = interval_us.value();
  }
  s.finish();
  return s;
}

Result<Subscription> Subscription::without(const std::vector<std::string>& patterns) const {
  Subscription s = *this;
  const auto covers = [](const std::string& wide, const std::string& narrow) {
    if (wide.back() != '*') return wide == narrow;
    return narrow.compare(0, wide.size() - 1, wide, 0, wide.size() - 1) == 0;
  };
  for (const std::string& pattern : patterns) {
    const auto covers_it = [&](const std::string& have) { return covers(have, pattern); };
    // Whatever the removed pattern covers goes; what covers more than it stays, less the pattern.
    for (auto* const list : {&s.patterns_, &s.excluded_}) {
      list->erase(std::remove_if(list->begin(), list->end(),
                                 [&](const std::string& have) { return covers(pattern, have); }),
                  list->end());
    }
    if (std::any_of(s.patterns_.begin(), s.patterns_.end(), covers_it) &&
        std::none_of(s.excluded_.begin(), s.excluded_.end(), covers_it)) {
      s.excluded_.push_back(pattern);
    }
  }
  if (s.patterns_.empty()) s.excluded_.clear();
  if (s.excluded_.size() > kSubscriptionPatternsMax) {
    return Failure{"subscriptions: " + std::to_string(s.excluded_.size()) +
                   " types would be excluded from wider patterns; must be at most " +
                   std::to_string(kSubscriptionPatternsMax) + "; subscribe to what you want instead"};
  }
  s.finish();
  return s;
}

void Subscription::finish() {
  all_types_ = std::find(patterns_.begin(), patterns_.end(), "*") != patterns_.end();
  std::size_t compared = patterns_.size() + excluded_.size();
  data_keys_ = 0;
  for (const FilterKey& key : filter_) {
    compared += key.values.size();
    if (key.key != "source" && key.key != "agent_id" && key.key != "item") ++data_keys_;
  }
  if (scope_ != nullptr) compared += scope_->size();
  if (scope_ != nullptr && scope_->by_agent()) ++data_keys_;
  list_work_ = 1 + compared / 8;
  key_ = scope_ == nullptr ? "" : '@' + scope_->key();
  key_ += event_stream_ ? "id:" : deflate() ? "z[]" : batch_ ? "[]" : "";
  if (latest()) key_ += std::to_string(latest_interval_us_) + '|';
  for (const std::string& p : sorted_unique(patterns_)) key_ += p + ',';
  key_ += '-';
  for (const std::string& p : sorted_unique(excluded_)) key_ += p + ',';
  key_ += filter_key_;
}

std::size_t Subscription::bytes() const {
  std::size_t sum = sizeof *this + 2 * key_.capacity() + filter_key_.capacity() + filter_json_.capacity();
  for (const auto* list : {&patterns_, &excluded_}) {
    for (const std::string& pattern : *list) sum += sizeof pattern + pattern.capacity();
  }
  for (const FilterKey& key : filter_) {
    sum += sizeof key + key.key.capacity() + key.values.capacity() * sizeof(FilterValue);
    for (const FilterValue& value : key.values) sum += value.text.capacity();
  }
  return sum;
}

bool Subscription::wants_type(std::string_view type) const {
  const auto covers = [type](const std::string& p) { return pattern_matches(p, type); };
  return (all_types_ || std::any_of(patterns_.begin(), patterns_.end(), covers)) &&
         std::none_of(excluded_.begin(), excluded_.end(), covers);
}

bool Subscription::matches(const Block& block, std::size_t index) const {
  if (!wants_type(block.text(block.entry(index).type))) return false;
  return std::all_of(filter_.begin(), filter_.end(),
                     [&](const FilterKey& key) { return passes(key, block, index); }) &&
         may_read(scope_, block, index);
}

bool Subscription::limited() const {
  if (scope_ == nullptr || patterns_.empty()) return false;
  // None where there may be others: values that are no text stand for events without one.
  const auto names_of = [this](std::string_view wanted) {
    std::vector<std::string> names;
    for (const FilterKey& key : filter_) {
      if (key.key != wanted) continue;
      for (const FilterValue& value : key.values) {
        if (value.kind != FilterValue::Kind::text || value.text.empty()) return std::vector<std::string>();
        names.push_back(value.text);
      }
      return names;
    }
    return names;
  };
  std::vector<std::string> sources = names_of("source");
  const std::vector<std::string> agents = names_of("agent_id");
  // What the bridge itself says may be about anybody, and an alert tell of any type.
  if (std::find(sources.begin(), sources.end(), kOwnSource) != sources.end()) sources.clear();
  const bool own = sources.empty();
  return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
    const bool alerts = own && pattern_matches(pattern, "alert_raised");
    return alerts || !scope_->may_read_all_of(pattern, sources, agents);
  });
}

bool Subscription::may_want_source(std::string_view source) const {
  if (nothing() || (scope_ != nullptr && !scope_->may_read_some(source))) return false;
  return std::all_of(filter_.begin(), filter_.end(), [&](const FilterKey& key) {
    return key.key != "source" ||
           std::any_of(key.values.begin(), key.values.end(), [&](const FilterValue& v) {
             return v.kind == FilterValue::Kind::text && v.text == source;
           });
  });
}

bool Subscription::passes(const FilterKey& key, const Block& block, std::size_t index) const {
  const EventEntry& entry = block.entry(index);
  // The indexed fields cost a comparison; any other a walk over data's members.
  const auto indexed = [&](const EventEntry::Piece& piece, bool there) {
    const std::string_view text = block.text(piece);
    return std::any_of(key.values.begin(), key.values.end(), [&](const FilterValue& v) {
      return there ? v.kind == FilterValue::Kind::text && v.text == text
                   : v.kind == FilterValue::Kind::null;
    });
  };
  if (key.key == "source") return indexed(entry.source, entry.source.size != 0);
  if (key.key == "agent_id" && entry.agent_kind != IndexedField::Kind::other) {
    return indexed(entry.agent_id, entry.agent_kind == IndexedField::Kind::text);
  }
  if (key.key == "item" && entry.item_kind != IndexedField::Kind::other) {
    return indexed(entry.item, entry.item_kind == IndexedField::Kind::text);
  }
  std::string_view found = "null";  // a key that is not there counts as null
  std::string decoded;
  for_each_member(block.text(entry.data), [&](const JsonString& name, std::string_view value) {
    decoded.clear();
    if (name.escaped) append_decoded(decoded, name.raw);
    if ((name.escaped ? std::string_view(decoded) : name.raw) == key.key) found = value;
    return true;  // of a key that stands twice, the last counts
  });
  return std::any_of(key.values.begin(), key.values.end(),
                     [found](const FilterValue& v) { return equals(v, found); });
}

}  // namespace bridge
