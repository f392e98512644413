// Writes JSON, a value at a time. All that the bridge itself says is made here; events' bodies pass as
// they came.
#pragma once

#include <cassert>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/text.h"

namespace bridge {

// Sets commas by itself; that keys and values take turns is the caller's. REQUIRES: all text is UTF-8.
class JsonWriter {
 public:
  JsonWriter& object() { return open('{'); }
  JsonWriter& list() { return open('['); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& end_list() { return close(']'); }

  JsonWriter& key(std::string_view name) {
    add(name);
    out_ += ':';
    comma_ = false;
    return *this;
  }
  JsonWriter& add(std::string_view text) {
    begin();
    append_json_string(out_, text);
    return *this;
  }
  JsonWriter& add(const char* text) { return add(std::string_view(text)); }
  JsonWriter& add(const std::string& text) { return add(std::string_view(text)); }
  JsonWriter& add(bool b) { return raw(b ? "true" : "false"); }
  JsonWriter& add(std::uint64_t n) {
    begin();
    append_number(out_, n);
    return *this;
  }
  JsonWriter& add(std::int64_t n) { return raw(std::to_string(n)); }
  // With three decimals; null where it is not finite.
  JsonWriter& add(double d) {
    char text[400];
    std::snprintf(text, sizeof text, "%.3f", d);
    return raw(std::isfinite(d) ? text : "null");
  }
  // null where there is none.
  template <class T>
  JsonWriter& add(const std::optional<T>& value) { return value ? add(*value) : raw("null"); }
  // null where it is empty.
  JsonWriter& text_or_null(std::string_view text) { return text.empty() ? raw("null") : add(text); }
  // What is JSON already.
  JsonWriter& raw(std::string_view json) {
    assert(is_utf8(json));
    begin();
    out_ += json;
    return *this;
  }
  // Microseconds as seconds since 1970.
  JsonWriter& seconds(std::int64_t us) {
    begin();
    append_seconds(out_, us);
    return *this;
  }
  // The same, or null for 0, which is "never".
  JsonWriter& time(std::int64_t us) { return us == 0 ? raw("null") : seconds(us); }
  JsonWriter& milliseconds(std::int64_t us) { return add(static_cast<double>(us) / 1000.0); }

  template <class T>
  JsonWriter& field(std::string_view name, const T& value) {
    return key(name).add(value);
  }

  // Room for so much in all: what is large must not be moved again and again as it grows.
  void reserve(std::size_t bytes) { out_.reserve(bytes); }
  std::size_t bytes() const { return out_.size(); }
  std::size_t capacity() const { return out_.capacity(); }
  std::string take() { return std::move(out_); }

 private:
  void begin() {
    if (comma_) out_ += ',';
    comma_ = true;
  }
  JsonWriter& open(char c) {
    begin();
    out_ += c;
    comma_ = false;
    return *this;
  }
  JsonWriter& close(char c) {
    out_ += c;
    comma_ = true;
    return *this;
  }

  std::string out_;
  bool comma_ = false;
};

}  // namespace bridge
