// From the bytes that a source sent to the fields of an event (PROTOCOL section 2).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "event/json_scanner.h"

namespace bridge {

// Why a body is not an event. The order is that of kRejectNames.
enum class Reject : std::uint8_t {
  none,
  not_json,
  not_utf8,
  no_type,
  no_data,
  wrong_type,     // a field is there but not of its kind: type, data, source, run, source_seq, ...
  reserved_type,  // types that start with _ are the bridge's own
  duplicate_key,
  too_deep,
  too_large,
  too_many_keys,
  own_source,  // an event that claims to be the bridge's own
  forbidden_source,  // its sender may not speak for that source
  forbidden_type,    // may, but not with events of that type
  schema_mismatch,   // schemas.mode = "reject": data is not as the type's schema says
};
inline constexpr std::size_t kRejectCount = 15;

// The source of what the bridge itself reports.
inline constexpr std::string_view kOwnSource = "ppo-bridge";

// "not_json" and so on: what logs, get_status and /metrics call it.
const char* reject_name(Reject reject);

// A field that subscriptions filter by without parsing.
struct IndexedField {
  enum class Kind : std::uint8_t {
    absent,
    text,   // `text` is its meaning (escapes decoded)
    other,  // there, but not a string: who wants it must parse
  };
  std::string_view text;
  Kind kind = Kind::absent;
  bool decoded = false;  // `text` lies in the parser's memory, not in the body
};

// The fields of one body. Everything points into the body or into the parser that made it: use it
// before either goes or parses again.
struct Envelope {
  std::string_view type;
  std::string_view data;              // the object's text, untouched
  std::string_view source;            // empty where the body names none
  std::string_view run;               // likewise
  std::string_view source_timestamp;  // a number's text, or empty
  std::uint64_t source_seq = 0;       // 0 = none
  IndexedField agent_id;              // data.agent_id
  IndexedField item;                  // data.item
  // Other top-level members, "key":value as they stand, in their order.
  std::vector<std::string_view> others;

  // With all three, loss is seen and repaired.
  bool tracked() const { return !source.empty() && !run.empty() && source_seq != 0; }
};

// The keys of a body that mean something to the bridge.
enum class EnvelopeKey : std::uint8_t { type, data, source, run, source_seq, timestamp, other };

// Parses bodies, one at a time; reuses its memory, so the steady state allocates nothing. One thread.
class EnvelopeParser {
 public:
  explicit EnvelopeParser(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

  // Parses one body. On Reject::none, envelope() is it. On another, detail() says more.
  Reject parse(std::string_view body);

  // Of a rejected body what was read of it until then.
  const Envelope& envelope() const { return envelope_; }

  // What was wrong with the last rejected body: the key, the rule, the range. Never its bytes raw.
  const std::string& detail() const { return detail_; }

  // NaN, Infinity and -Infinity that became null in the last accepted body.
  std::size_t not_finite_count() const { return not_finite_count_; }

  // How many keys the last body has at its top level.
  std::size_t keys() const { return key_count_; }

  std::size_t event_bytes_max() const { return event_bytes_max_; }
  void set_event_bytes_max(std::size_t bytes) { event_bytes_max_ = bytes; }

 private:
  void forget();
  void replace_not_finite(std::string_view body);
  Reject parse_text(std::string_view text);
  Reject member(JsonScanner& scan, const JsonString& key, const char* key_start);
  Reject scan_data(JsonScanner& scan);
  Reject malformed(const JsonScanner& scan, std::string_view where);
  Reject wrong(std::string_view key, const char* rule);
  bool other_seen_before(std::string_view key);
  std::string_view decode(const JsonString& s);

  std::size_t event_bytes_max_;
  Envelope envelope_;
  // Of the body being parsed: a bit for each known key that it has, its other keys, decoded, and how
  // many keys it has.
  unsigned known_keys_ = 0;
  std::vector<std::string_view> keys_;
  std::size_t key_count_ = 0;
  std::vector<TextSpan> not_finite_;
  std::size_t not_finite_count_ = 0;
  std::string cleaned_;                   // the body with null in place of NaN
  std::string decoded_;                   // meanings of escaped strings; reserved before use
  std::string_view text_;
  std::string detail_;
};

}  // namespace bridge
