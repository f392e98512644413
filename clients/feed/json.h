#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

// JSON texts, cut and composed without being rewritten: what the bridge sent leaves this program
// digit for digit. What is valid, and where it is
// cut, the bridge's own reading of JSON decides.
namespace feed::json {

// One JSON value of any kind and nothing else, at most 100 levels deep.
bool valid(std::string_view text);

// Calls `use` with each member of an object: its key as written between the quotes, and its value's
// text. Does nothing where `object` is not an object. REQUIRES: valid(object)
void for_each_member(std::string_view object,
                     const std::function<void(std::string_view key, std::string_view value)>& use);

// Calls `use` with the text of each element of an array; does nothing where `array` is not one.
// REQUIRES: valid(array)
void for_each_element(std::string_view array,
                      const std::function<void(std::string_view element)>& use);

// The text of the first member of that name; empty where there is none. REQUIRES: valid(object)
std::string_view member(std::string_view object, std::string_view key);

// A non-negative integer of at most 64 bits, else nothing. REQUIRES: valid(value) or value.empty()
std::optional<std::uint64_t> as_u64(std::string_view value);

// What a JSON string says, escapes resolved; nothing where `value` is not a string.
// REQUIRES: valid(value) or value.empty()
std::optional<std::string> as_string(std::string_view value);

// `text` as a JSON string, quotes included. REQUIRES: `text` is UTF-8
std::string quote(std::string_view text);

// Composes an object member by member.
class Object {
 public:
  // `value` is JSON text and goes in as it is. REQUIRES: valid(value)
  Object& add(std::string_view key, std::string_view value);
  Object& add_string(std::string_view key, std::string_view value) {
    return add(key, quote(value));
  }
  Object& add_number(std::string_view key, std::uint64_t value) {
    return add(key, std::to_string(value));
  }
  // All members of an object, as they are. REQUIRES: valid(object), or it is empty
  Object& add_members_of(std::string_view object);
  bool empty() const { return members_.empty(); }
  std::string text() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

}  // namespace feed::json
