// JSON values as one writes them down in C++:
//
//   publisher.publish("order_placed", {{"item", "Coal"},
//                                      {"price", 199},
//                                      {"limits", {{"low", 150.5}, {"high", nullptr}}},
//                                      {"tags", ppo::List{"urgent", 7, true}}});
//
// Braces with names are an object, ppo::List and ranges (std::vector, std::set) a list, maps from
// text and ranges of such pairs an object. Integers keep every digit; doubles are written as the
// shortest text that reads back as the same value, NaN and infinities as null. Text is UTF-8; bytes
// that are not become U+FFFD. All of it may throw std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "ppo_publisher/export.h"

namespace ppo PPO_PUBLISHER_API {

struct Field;
class Object;
class List;

namespace detail {

template <class T, class = void>
struct IsRange : std::false_type {};
template <class T>
struct IsRange<T, std::void_t<decltype(std::begin(std::declval<const T&>()) !=
                                       std::end(std::declval<const T&>())),
                              decltype(*std::begin(std::declval<const T&>()))>> : std::true_type {};

template <class T>
inline constexpr bool is_text_v = std::is_convertible_v<const T&, std::string_view>;

template <class T>
struct IsNamed : std::false_type {};
template <class Name, class T>
struct IsNamed<std::pair<Name, T>> : std::bool_constant<is_text_v<Name>> {};

}  // namespace detail

// Owns its text, so it may outlive what it was made of.
class Value {
 public:
  Value(std::nullptr_t) : json_("null") {}  // NOLINT: conversions are what it is for
  Value(std::initializer_list<Field> fields);
  Value(const Object& object);
  Value(const List& list);

  template <class T, std::enable_if_t<std::is_arithmetic_v<T> || detail::is_text_v<T> ||
                                          detail::IsRange<T>::value,
                                      int> = 0>
  Value(const T& value) {
    static_assert(!std::is_same_v<T, char>, "a char is neither a number nor text: say which");
    if constexpr (std::is_same_v<T, bool>) {
      json_ = value ? "true" : "false";
    } else if constexpr (std::is_floating_point_v<T>) {
      set(static_cast<double>(value));
    } else if constexpr (std::is_unsigned_v<T>) {
      json_ = std::to_string(static_cast<std::uint64_t>(value));
    } else if constexpr (std::is_integral_v<T>) {
      json_ = std::to_string(static_cast<std::int64_t>(value));
    } else if constexpr (std::is_pointer_v<T>) {
      value == nullptr ? void(json_ = "null") : set(std::string_view(value));
    } else if constexpr (detail::is_text_v<T>) {
      set(static_cast<std::string_view>(value));
    } else {
      set_range(value);
    }
  }
  template <class T>
  Value(const std::optional<T>& value) : Value(value ? Value(*value) : Value(nullptr)) {}

  const std::string& json() const { return json_; }

 private:
  void set(double number);
  void set(std::string_view text);

  template <class Range>
  void set_range(const Range& range);

  std::string json_;
};

struct Field {
  std::string name;
  Value value;
};

// In the order in which they were given. Of members with one name readers see the last.
class Object {
 public:
  Object() = default;
  Object(std::initializer_list<Field> fields) : fields_(fields) {}

  Object& add(std::string name, Value value) {
    fields_.push_back({std::move(name), std::move(value)});
    return *this;
  }
  const std::vector<Field>& fields() const { return fields_; }
  std::string json() const;

 private:
  std::vector<Field> fields_;
};

class List {
 public:
  List() = default;
  List(std::initializer_list<Value> values) {
    for (const Value& value : values) add(value);
  }

  List& add(const Value& value) {
    (json_ += json_.empty() ? '[' : ',') += value.json();
    return *this;
  }
  std::string json() const { return json_.empty() ? "[]" : json_ + ']'; }

 private:
  std::string json_;
};

template <class Range>
void Value::set_range(const Range& range) {
  using Element = std::decay_t<decltype(*std::begin(range))>;
  if constexpr (detail::IsNamed<Element>::value) {
    Object object;
    for (const auto& [name, value] : range) object.add(std::string(name), value);
    json_ = object.json();
  } else {
    List list;
    for (const auto& value : range) list.add(value);
    json_ = list.json();
  }
}

}  // namespace ppo
