#include "event/envelope.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>

#include "base/limits.h"
#include "base/text.h"

namespace bridge {
namespace {

constexpr std::array<const char*, kRejectCount> kRejectNames = {
    "none",          "not_json",      "not_utf8", "no_type",   "no_data",      "wrong_type",
    "reserved_type", "duplicate_key", "too_deep", "too_large", "too_many_keys",
    "own_source",    "forbidden_source", "forbidden_type", "schema_mismatch"};

constexpr std::string_view kNull = "null";

// Whether it is that word; the compiler knows the size of what it compares.
template <std::size_t N>
bool is(std::string_view text, const char (&word)[N]) {
  return text.size() == N - 1 && std::memcmp(text.data(), word, N - 1) == 0;
}

// Keys that the bridge itself writes: taken out of what a source sends.
bool is_bridge_key(std::string_view key) {
  return is(key, "seq") || is(key, "epoch") || is(key, "source_timestamp") || is(key, "replay") ||
         is(key, "status") || is(key, "action") || is(key, "id");
}

EnvelopeKey key_of(std::string_view key) {
  switch (key.size()) {
    case 3:
      return is(key, "run") ? EnvelopeKey::run : EnvelopeKey::other;
    case 4:
      return is(key, "data")   ? EnvelopeKey::data
             : is(key, "type") ? EnvelopeKey::type
                               : EnvelopeKey::other;
    case 6:
      return is(key, "source") ? EnvelopeKey::source : EnvelopeKey::other;
    case 9:
      return is(key, "timestamp") ? EnvelopeKey::timestamp : EnvelopeKey::other;
    case 10:
      return is(key, "source_seq") ? EnvelopeKey::source_seq : EnvelopeKey::other;
    default:
      return EnvelopeKey::other;
  }
}

// TYPE {json} in one frame, as many send it.
bool begins_with_topic(std::string_view text) {
  std::string_view head = text.substr(0, text.find('{'));
  if (head.size() == text.size()) return false;
  head = head.substr(0, head.find_last_not_of(" \t") + 1);
  return !head.empty() && std::all_of(head.begin(), head.end(), [](char c) {
    return c == '/' || is_name({&c, 1});
  });
}

std::string_view between(const char* from, const char* to) {
  return {from, static_cast<std::size_t>(to - from)};
}

}  // namespace

const char* reject_name(Reject reject) { return kRejectNames[static_cast<std::size_t>(reject)]; }

Reject EnvelopeParser::parse(std::string_view body) {
  not_finite_count_ = 0;
  forget();  // what an earlier body's views showed may be gone by now
  body = without_byte_order_mark(body);
  if (body.size() > event_bytes_max_) {
    detail_ = "the body has " + std::to_string(body.size()) + " bytes; must be at most " +
              std::to_string(event_bytes_max_);
    return Reject::too_large;
  }
  not_finite_.clear();
  const Reject reject = parse_text(body);
  not_finite_count_ = reject == Reject::none ? not_finite_.size() : 0;
  if (not_finite_count_ != 0) replace_not_finite(body);
  return reject;
}

// Writes the body anew with null in their places, and has the fields show that: in one pass, for a megabyte may hold
// 250,000 of them.
void EnvelopeParser::replace_not_finite(std::string_view body) {
  const char* const end = body.data() + body.size();
  std::size_t size = body.size();
  for (const TextSpan& span : not_finite_) size = size + kNull.size() - span.size;
  cleaned_.resize(size);
  char* to = cleaned_.data();
  const char* from = body.data();
  for (TextSpan& span : not_finite_) {
    // Mostly a comma: for so little a loop is quicker than a call.
    for (const char* const place = body.data() + span.offset; from != place;) *to++ = *from++;
    from += span.size;
    span.size = static_cast<std::uint32_t>(to - cleaned_.data());  // from here on, where its null stands
    to = std::copy(kNull.begin(), kNull.end(), to);
  }
  std::copy(from, end, to);

  const auto now = [&](const char* place) {
    const auto offset = static_cast<std::size_t>(place - body.data());
    const auto next = std::lower_bound(not_finite_.begin(), not_finite_.end(), offset,
                                       [](const TextSpan& span, std::size_t o) { return span.offset < o; });
    if (next == not_finite_.end()) return cleaned_.data() + size - (body.size() - offset);
    return cleaned_.data() + next->size - (next->offset - offset);
  };
  // What is decoded stands elsewhere.
  const auto move = [&](std::string_view& text) {
    const bool ours = std::less_equal<>()(body.data(), text.data()) && std::less<>()(text.data(), end);
    if (ours) text = between(now(text.data()), now(text.data() + text.size()));
  };
  for (auto* const field : {&envelope_.type, &envelope_.source, &envelope_.run, &envelope_.source_timestamp, &envelope_.data,
                            &envelope_.agent_id.text, &envelope_.item.text}) {
    move(*field);
  }
  for (std::string_view& other : envelope_.others) move(other);
  not_finite_.clear();
}

void EnvelopeParser::forget() {
  auto others = std::move(envelope_.others);
  others.clear();
  envelope_ = Envelope{};
  envelope_.others = std::move(others);
  keys_.clear();
  known_keys_ = 0;
  key_count_ = 0;
  decoded_.clear();
}

Reject EnvelopeParser::parse_text(std::string_view text) {
  text_ = text;
  JsonScanner scan(text, &not_finite_);
  if (!scan.take('{')) {
    if (!scan.value(1) || !scan.at_end()) {
      const Reject reject = malformed(scan, "the body");
      if (begins_with_topic(text)) {
        detail_ = "the body begins with a topic; send it as a frame of its own";
      }
      return reject;
    }
    return wrong("the body", "must be a JSON object");
  }
  // A wrong field is reported only of a body that is JSON at all: "not JSON" comes first.
  Reject first = Reject::none;
  if (!scan.take('}')) {
    do {
      JsonString key;
      if (scan.peek() != '"') return malformed(scan, "the body");
      const char* const key_start = scan.position();
      if (!scan.string(&key) || !scan.take(':')) return malformed(scan, "the body");
      const Reject reject = member(scan, key, key_start);
      if (reject == Reject::not_json || reject == Reject::not_utf8 || reject == Reject::too_deep) return reject;
      if (first == Reject::none) first = reject;
    } while (scan.take(','));
    if (!scan.take('}')) return malformed(scan, "the body");
  }
  if (!scan.at_end()) return malformed(scan, "the body");
  if (first != Reject::none) return first;
  if (envelope_.type.empty()) {
    detail_ = "type is missing";
    return Reject::no_type;
  }
  if (envelope_.data.empty()) {
    detail_ = "data is missing";
    return Reject::no_data;
  }
  return Reject::none;
}

// Takes the value of one top-level member. A field of the wrong kind is still walked over, so that
// the rest of the body can be judged.
Reject EnvelopeParser::member(JsonScanner& scan, const JsonString& key_text,
                              const char* key_start) {
  const std::string_view key = decode(key_text);
  const EnvelopeKey known = key_of(key);
  const unsigned bit = 1u << static_cast<unsigned>(known);
  const bool repeated = known == EnvelopeKey::other ? other_seen_before(key) : (known_keys_ & bit) != 0;
  known_keys_ |= bit;
  if (!repeated) ++key_count_;
  const char first = scan.peek();
  const char* const start = scan.position();

  if (known == EnvelopeKey::data && first == '{' && !repeated) {
    const Reject reject = scan_data(scan);
    envelope_.data = between(start, scan.position());
    return reject;
  }
  JsonString string;
  if (first == '"' ? !scan.string(&string) : !scan.value(2)) return malformed(scan, key);
  const std::string_view value = between(start, scan.position());

  if (repeated) {
    detail_ = "the key " + printable(key) + " stands twice at the top level";
    return Reject::duplicate_key;
  }
  if (key_count_ > kTopLevelKeysMax) {
    detail_ = "more than " + std::to_string(kTopLevelKeysMax) + " keys at the top level";
    return Reject::too_many_keys;
  }
  // null, and NaN where a number belongs, is the same as leaving an optional field out.
  const bool absent = first == 'n' || first == 'N' || first == 'I' || value == "-Infinity";
  switch (known) {
    case EnvelopeKey::type:
      if (first != '"') return wrong(key, "must be a string");
      envelope_.type = decode(string);
      if (!is_type_name(envelope_.type)) {
        return wrong(key, "must be 1-64 characters of A-Z a-z 0-9 _ . -");
      }
      if (envelope_.type.front() == '_' && envelope_.type != "_source") {
        detail_ = "types that start with _ are the bridge's own";
        return Reject::reserved_type;
      }
      return Reject::none;
    case EnvelopeKey::data:
      return wrong(key, "must be an object");
    case EnvelopeKey::source:
    case EnvelopeKey::run: {
      if (absent) return Reject::none;
      if (first != '"') return wrong(key, "must be a string");
      const std::string_view name = decode(string);
      if (!is_name(name)) return wrong(key, "must be 1-64 characters of A-Z a-z 0-9 _ . : -");
      (known == EnvelopeKey::source ? envelope_.source : envelope_.run) = name;
      return Reject::none;
    }
    case EnvelopeKey::source_seq: {
      if (absent) return Reject::none;
      std::uint64_t n = 0;
      const auto r = std::from_chars(value.data(), value.data() + value.size(), n);
      if (r.ec != std::errc{} || r.ptr != value.data() + value.size() || n < 1 ||
          n > static_cast<std::uint64_t>(INT64_MAX)) {
        return wrong(key, "must be an integer 1..9223372036854775807");
      }
      envelope_.source_seq = n;
      return Reject::none;
    }
    case EnvelopeKey::timestamp:
      if (absent) return Reject::none;
      if (first != '-' && (first < '0' || first > '9')) return wrong(key, "must be a number");
      envelope_.source_timestamp = value;
      return Reject::none;
    case EnvelopeKey::other:
      break;
  }
  if (!is_bridge_key(key)) envelope_.others.push_back(between(key_start, scan.position()));
  return Reject::none;
}

// Walks data's members for the two that are indexed. Where one stands twice, the last counts, as it
// does for every JSON library that a client would use.
Reject EnvelopeParser::scan_data(JsonScanner& scan) {
  scan.take('{');
  if (scan.take('}')) return Reject::none;
  do {
    JsonString key_text;
    if (scan.peek() != '"' || !scan.string(&key_text) || !scan.take(':')) {
      return malformed(scan, "data");
    }
    const std::string_view key = decode(key_text);
    IndexedField* const field = is(key, "agent_id") ? &envelope_.agent_id
                                : is(key, "item")   ? &envelope_.item
                                                    : nullptr;
    if (field == nullptr || scan.peek() != '"') {
      if (!scan.value(3)) return malformed(scan, "data");
      if (field != nullptr) *field = {{}, IndexedField::Kind::other, false};
      continue;
    }
    JsonString text;
    if (!scan.string(&text)) return malformed(scan, "data");
    *field = {decode(text), IndexedField::Kind::text, text.escaped};
  } while (scan.take(','));
  return scan.take('}') ? Reject::none : malformed(scan, "data");
}

Reject EnvelopeParser::malformed(const JsonScanner& scan, std::string_view where) {
  bool not_utf8 = false;
  detail_ = printable(where) + " " + scan.problem(&not_utf8);
  return scan.too_deep() ? Reject::too_deep : not_utf8 ? Reject::not_utf8 : Reject::not_json;
}

Reject EnvelopeParser::wrong(std::string_view key, const char* rule) {
  detail_ = printable(key) + " " + rule;
  return Reject::wrong_type;
}

bool EnvelopeParser::other_seen_before(std::string_view key) {
  if (std::find(keys_.begin(), keys_.end(), key) != keys_.end()) return true;
  if (key_count_ <= kTopLevelKeysMax) keys_.push_back(key);
  return false;
}

std::string_view EnvelopeParser::decode(const JsonString& s) {
  if (!s.escaped) return s.raw;
  // Each string is decoded once and a meaning is never longer than its text: with this much room
  // the views handed out before stay where they are.
  if (decoded_.capacity() < text_.size()) decoded_.reserve(text_.size());
  const std::size_t from = decoded_.size();
  append_decoded(decoded_, s.raw);
  return std::string_view(decoded_).substr(from);
}

}  // namespace bridge
