// What a client wants: types, and a filter on fields of the events (PROTOCOL section 4).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <rapidjson/document.h>

#include "access/read_scope.h"
#include "base/request_budget.h"
#include "base/result.h"
#include "event/block.h"

namespace bridge {

// A JSON number as filters compare it: exact where both sides are 64-bit integers, as double else.
struct FilterNumber {
  bool is_integer = false;
  std::int64_t integer = 0;
  double real = 0;

  // From a number's text; nothing where it is none. 1.0 and 1e3 are reals.
  static std::optional<FilterNumber> parse(std::string_view text);
  // -1, 0, 1.
  int compare(const FilterNumber& other) const;
};

// One allowed value of a key.
struct FilterValue {
  enum class Kind { text, number, range, boolean, null } kind = Kind::null;
  std::string text;
  FilterNumber number;                   // number
  std::optional<FilterNumber> min, max;  // range, both ends included
  bool boolean = false;
};

// A key and what it may be; one of the values is enough.
struct FilterKey {
  std::string key;
  std::vector<FilterValue> values;
};

// Immutable once made; clients with equal subscriptions share one. The default wants nothing.
class Subscription {
 public:
  Subscription() = default;

  // Reads `subscriptions`, `filter`, `batch` and `deliver` of a request; left out, `subscriptions`
  // means all types.
  // Fails with a message that names the field, the place and what is allowed.
  static Result<Subscription> parse(const rapidjson::Value& request);

  // This one without the named patterns. A type that a wider pattern still covers is excluded by
  // name, so that after it none of that type comes. Fails where too many would be.
  Result<Subscription> without(const std::vector<std::string>& patterns) const;

  bool matches(const Block& block, std::size_t index) const;
  // What that costs, in RequestBudget's unit.
  std::uint64_t work(const Block& block, std::size_t index) const {
    return work(block.entry(index).data.size);
  }
  std::uint64_t work(std::size_t data_bytes) const {
    return list_work_ + data_keys_ * (4 + data_bytes / kDataBytesPerWork);
  }

  // Wants, of events of this source, at least some: a gap in them concerns it.
  bool may_want_source(std::string_view source) const;

  // From now on only what of it may be read passes. Null: all.
  void set_scope(ReadScopePtr scope) {
    scope_ = std::move(scope);
    finish();
  }
  const ReadScopePtr& scope() const { return scope_; }

  // Wants every event, and may read it.
  bool everything() const { return all_types_ && excluded_.empty() && filter_.empty() && scope_ == nullptr; }
  // Wants many events a message, as a JSON array.
  bool batch() const { return batch_; }
  // Takes those arrays compressed (permessage-deflate), which no request says but the connection.
  // Without batch() it means nothing.
  void set_deflate() {
    deflate_ = true;
    finish();
  }
  bool deflate() const { return batch_ && deflate_; }
  // Takes messages as an event stream has them (event/stream_text.h), which the connection says as well.
  void set_event_stream() {
    event_stream_ = true;
    finish();
  }
  bool event_stream() const { return event_stream_; }
  // A block's own frames are what it takes, where it wants all of them.
  bool takes_frames() const { return !batch_ && !event_stream_; }
  // Wants only the newest event of each thing (type, source, agent_id, item) ...
  bool latest() const { return latest_interval_us_ != 0; }
  // ... at most once in so many microseconds.
  std::int64_t latest_interval_us() const { return latest_interval_us_; }
  // Wants some event that it may not read, as far as its lists tell.
  bool limited() const;
  // Wants none, or may read none.
  bool nothing() const { return patterns_.empty() || (scope_ != nullptr && scope_->nothing()); }

  // Of an event's type alone.
  bool wants_type(std::string_view type) const;
  const std::vector<FilterKey>& filter() const { return filter_; }
  const std::vector<std::string>& patterns() const { return patterns_; }
  const std::vector<std::string>& excluded() const { return excluded_; }

  // The same for equal subscriptions, whatever the order or doubling in the request.
  const std::string& key() const { return key_; }

  // Equal, and told to who asks for it in the same way.
  bool same_words(const Subscription& other) const {
    return key_ == other.key_ && patterns_ == other.patterns_ && excluded_ == other.excluded_ && filter_json_ == other.filter_json_;
  }

  // What it takes, with its cohort's key.
  std::size_t bytes() const;

  // The filter as the client gave it, JSON; empty where there is none.
  const std::string& filter_json() const { return filter_json_; }

 private:
  void finish();
  bool passes(const FilterKey& key, const Block& block, std::size_t index) const;

  std::vector<std::string> patterns_;
  std::vector<std::string> excluded_;
  std::vector<FilterKey> filter_;
  std::string filter_json_;
  std::string filter_key_;
  std::string key_;
  ReadScopePtr scope_;
  bool all_types_ = false;
  bool batch_ = false;
  bool deflate_ = false;
  bool event_stream_ = false;
  std::int64_t latest_interval_us_ = 0;  // 0: every event
  std::uint64_t list_work_ = 1;          // of going through the lists above
  std::uint64_t data_keys_ = 0;          // keys of the filter for which `data` is walked
};

// Reads a list of type patterns ("*", "order_*", "trade_executed"); `field` names it in messages.
Result<std::vector<std::string>> parse_patterns(const rapidjson::Value& list,
                                                std::string_view field);

// True where `pattern` covers `type`.
bool pattern_matches(std::string_view pattern, std::string_view type);

}  // namespace bridge
