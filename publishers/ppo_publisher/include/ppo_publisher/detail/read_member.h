// Reading members of types that we do not know: by name, where they exist, converted to what an
// event needs. Nothing here is meant for users; extract.h says what is read.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <ppo_publisher/value.h>

namespace ppo::detail {

// `Member_x{}(from)` is from.x, and is not invocable where there is no such data member. Numbers
// come by value, since a bit-field has no address.
#define PPO_DETAIL_MEMBER(name)                                                         \
  struct Member_##name {                                                                \
    template <class T, class V = std::decay_t<decltype(std::declval<const T&>().name)>> \
    auto operator()(const T& from) const                                                \
        -> std::conditional_t<std::is_arithmetic_v<V>, V, decltype((from.name))> {      \
      return from.name;                                                                 \
    }                                                                                   \
  }

PPO_DETAIL_MEMBER(action);
PPO_DETAIL_MEMBER(action_type);
PPO_DETAIL_MEMBER(agent_id);
PPO_DETAIL_MEMBER(approx_kl);
PPO_DETAIL_MEMBER(cash);
PPO_DETAIL_MEMBER(clip_fraction);
PPO_DETAIL_MEMBER(done);
PPO_DETAIL_MEMBER(entropy);
PPO_DETAIL_MEMBER(explained_variance);
PPO_DETAIL_MEMBER(gp);
PPO_DETAIL_MEMBER(info);
PPO_DETAIL_MEMBER(inventory);
PPO_DETAIL_MEMBER(inventory_value);
PPO_DETAIL_MEMBER(item);
PPO_DETAIL_MEMBER(policy_loss);
PPO_DETAIL_MEMBER(price);
PPO_DETAIL_MEMBER(profit);
PPO_DETAIL_MEMBER(order);
PPO_DETAIL_MEMBER(quantity);
PPO_DETAIL_MEMBER(realized_pnl);
PPO_DETAIL_MEMBER(reasoning);
PPO_DETAIL_MEMBER(reward);
PPO_DETAIL_MEMBER(stats);
PPO_DETAIL_MEMBER(step_trades);
PPO_DETAIL_MEMBER(steps);
PPO_DETAIL_MEMBER(steps_per_second);
PPO_DETAIL_MEMBER(terminated);
PPO_DETAIL_MEMBER(total_value);
PPO_DETAIL_MEMBER(truncated);
PPO_DETAIL_MEMBER(type);
PPO_DETAIL_MEMBER(update);
PPO_DETAIL_MEMBER(value_loss);

#undef PPO_DETAIL_MEMBER

template <class T, class Member>
inline constexpr bool has_member_v = std::is_invocable_v<Member, const T&>;

template <class T, class = void>
struct IsTupleLike : std::false_type {};
template <class T>
struct IsTupleLike<T, std::void_t<decltype(std::tuple_size<T>::value)>> : std::true_type {};

template <class T>
struct IsReferenceWrapper : std::false_type {};
template <class T>
struct IsReferenceWrapper<std::reference_wrapper<T>> : std::true_type {};

// Things that hold another thing or nothing: std::optional, smart pointers, and plain pointers to
// objects of class type (a `double*` may as well be an array).
template <class T, class = void>
struct IsHolder : std::false_type {};
template <class T>
struct IsHolder<T*> : std::bool_constant<std::is_class_v<T>> {};
template <class T>
struct IsHolder<
    T, std::enable_if_t<std::is_class_v<T> && std::is_constructible_v<bool, const T&> &&
                        !std::is_same_v<std::decay_t<decltype(*std::declval<const T&>())>, T>>>
    : std::true_type {};

template <class T, class = void>
struct HasToString : std::false_type {};
template <class T>
struct HasToString<
    T, std::enable_if_t<
           std::is_enum_v<T> &&
           std::is_convertible_v<decltype(to_string(std::declval<const T&>())), std::string_view>>>
    : std::true_type {};

// visit(what is held, however deeply) -> bool; false where nothing is held.
template <class T, class Visit>
bool look_through(const T& value, Visit&& visit) {
  if constexpr (IsReferenceWrapper<T>::value) {
    return detail::look_through(value.get(), visit);
  } else if constexpr (IsHolder<T>::value) {
    return static_cast<bool>(value) && detail::look_through(*value, visit);
  } else {
    return visit(value);
  }
}

template <class T>
bool convert(const T& value, std::string& into) {
  if constexpr (std::is_pointer_v<T> && std::is_convertible_v<T, std::string_view>) {
    if (value == nullptr) return false;
    into = std::string_view(value);
    return true;
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    into = static_cast<std::string_view>(value);
    return true;
  } else if constexpr (HasToString<T>::value) {
    into = static_cast<std::string_view>(to_string(value));
    return true;
  } else {
    return false;
  }
}

template <class T>
bool convert(const T& value, double& into) {
  if constexpr (std::is_arithmetic_v<T>) {
    into = static_cast<double>(value);
    return true;
  } else if constexpr (std::is_class_v<T> && std::is_convertible_v<const T&, double>) {
    into = value;
    return true;
  } else {
    return false;
  }
}

// Rounds, and stops at the ends of the range. False for NaN.
template <class T>
bool convert(const T& value, std::int64_t& into) {
  using Limits = std::numeric_limits<std::int64_t>;
  if constexpr (std::is_integral_v<T> && std::is_unsigned_v<T>) {
    constexpr auto kMax = static_cast<std::uint64_t>(Limits::max());
    into = value > kMax ? Limits::max() : static_cast<std::int64_t>(value);
    return true;
  } else if constexpr (std::is_integral_v<T>) {
    into = value;
    return true;
  } else {
    double number = 0;
    if (!detail::convert(value, number) || std::isnan(number)) return false;
    constexpr double kEnd = 9223372036854775808.0;  // 2^63
    number = std::round(number);
    into = number >= kEnd   ? Limits::max()
           : number < -kEnd ? Limits::min()
                            : static_cast<std::int64_t>(number);
    return true;
  }
}

template <class T>
bool convert(const T& value, bool& into) {
  if constexpr (std::is_arithmetic_v<T>) {
    into = value != T{};
    return true;
  } else {
    return false;
  }
}

template <class T, class V>
bool convert(const T& value, std::optional<V>& into) {
  V converted{};
  if (!detail::convert(value, converted)) return false;
  into = converted;
  return true;
}

// Sets `into` from the member where there is one that holds something of a fitting kind.
template <class T, class Member, class Into>
bool read(const T& from, Member member, Into& into) {
  if constexpr (has_member_v<T, Member>) {
    return detail::look_through(
        member(from), [&into](const auto& value) { return detail::convert(value, into); });
  } else {
    static_cast<void>(from);
    static_cast<void>(member);
    static_cast<void>(into);
    return false;
  }
}

// item -> how many, from anything that iterates over pairs.
template <class T, class Inventory>
bool read_inventory(const T& from, Inventory& into) {
  if constexpr (has_member_v<T, Member_inventory>) {
    return detail::look_through(from.inventory, [&into](const auto& inventory) {
      using Range = std::decay_t<decltype(inventory)>;
      if constexpr (IsRange<Range>::value) {
        using Entry = std::decay_t<decltype(*std::begin(inventory))>;
        if constexpr (IsTupleLike<Entry>::value) {
          if constexpr (std::tuple_size_v<Entry> == 2) {
            bool all = true;
            for (const auto& [item, quantity] : inventory) {
              std::string name;
              std::int64_t count = 0;
              if (detail::convert(item, name) && detail::convert(quantity, count)) {
                into[name] = count;
              } else {
                all = false;
              }
            }
            return all;
          }
        }
      }
      return false;
    });
  } else {
    static_cast<void>(from);
    static_cast<void>(into);
    return false;
  }
}

}  // namespace ppo::detail
