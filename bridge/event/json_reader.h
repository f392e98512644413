// JSON text that JsonScanner found valid, told to a handler of RapidJSON's: a document's, say.
#pragma once

#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include <rapidjson/document.h>

#include "event/event_fields.h"
#include "event/json_scanner.h"

namespace bridge {

// What becomes of a number that is larger than any double.
enum class Beyond { refused, infinite };

// In place of RapidJSON's own reader, which does not take all that JsonScanner takes, and of a number with hundreds of
// zeros behind the point (1.1.0) reads far beyond a table's end. Recurses as deep as the text, which has been looked at.
class JsonReader {
 public:
  // The text must outlive it.
  JsonReader(std::string_view text, Beyond beyond) : scan_(text), beyond_(beyond) {}

  // True where the handler took all of it. As rapidjson::Document::Populate() wants it.
  template <class Handler>
  bool operator()(Handler& to) {
    return took_all_ = value(to);
  }
  bool took_all() const { return took_all_; }

 private:
  template <class Handler>
  bool value(Handler& to) {
    const char first = scan_.peek();
    if (first == '{') return object(to);
    if (first == '[') return array(to);
    if (first == '"') return string(to, false);
    const char* const start = scan_.position();
    if (!scan_.value(1)) return false;
    if (first == 'n') return to.Null();
    if (first == 't' || first == 'f') return to.Bool(first == 't');
    return number(to, {start, static_cast<std::size_t>(scan_.position() - start)});
  }

  template <class Handler>
  bool object(Handler& to) {
    rapidjson::SizeType members = 0;
    if (!scan_.take('{') || !to.StartObject()) return false;
    if (scan_.take('}')) return to.EndObject(0);
    do {
      if (scan_.peek() != '"' || !string(to, true) || !scan_.take(':') || !value(to)) return false;
      ++members;
    } while (scan_.take(','));
    return scan_.take('}') && to.EndObject(members);
  }

  template <class Handler>
  bool array(Handler& to) {
    rapidjson::SizeType elements = 0;
    if (!scan_.take('[') || !to.StartArray()) return false;
    if (scan_.take(']')) return to.EndArray(0);
    do {
      if (!value(to)) return false;
      ++elements;
    } while (scan_.take(','));
    return scan_.take(']') && to.EndArray(elements);
  }

  template <class Handler>
  bool string(Handler& to, bool is_key) {
    JsonString text;
    if (!scan_.string(&text)) return false;
    std::string_view meaning = text.raw;
    if (text.escaped) {
      decoded_.clear();
      append_decoded(decoded_, text.raw);
      meaning = decoded_;
    }
    const auto size = static_cast<rapidjson::SizeType>(meaning.size());
    return is_key ? to.Key(meaning.data(), size, true) : to.String(meaning.data(), size, true);
  }

  template <class Handler>
  bool number(Handler& to, std::string_view text) const {
    if (text.front() == '-') {
      if (const auto n = whole<std::int64_t>(text)) return to.Int64(*n);
    } else if (const auto n = whole<std::uint64_t>(text)) {
      return to.Uint64(*n);
    }
    if (const auto n = number_of(text)) return to.Double(*n);
    return beyond_ == Beyond::infinite && to.Double(text.front() == '-' ? -HUGE_VAL : HUGE_VAL);
  }

  // All of the text; nothing where it does not fit.
  template <class Integer>
  static std::optional<Integer> whole(std::string_view text) {
    Integer n = 0;
    const auto [behind, error] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (error != std::errc() || behind != text.data() + text.size()) return std::nullopt;
    return n;
  }

  JsonScanner scan_;
  const Beyond beyond_;
  std::string decoded_;
  bool took_all_ = false;
};

// REQUIRES: JsonScanner takes the text, and nothing stands behind the value. Nothing where it holds what is refused, or a
// NaN or an infinity by that name.
inline std::optional<rapidjson::Document> build_document(std::string_view text, Beyond beyond) {
  JsonReader reader(text, beyond);
  rapidjson::Document document;
  document.Populate(reader);
  if (!reader.took_all()) return std::nullopt;
  return document;
}

}  // namespace bridge
