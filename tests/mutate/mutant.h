// What mutate.py puts into a copy of the bridge: each operator that may be changed stands with its mutant's
// number, and the program runs with the one that $PPO_MUTANT names changed, or with none.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <type_traits>

namespace mut {

inline const int active = std::getenv("PPO_MUTANT") == nullptr ? 0 : std::atoi(std::getenv("PPO_MUTANT"));

// `a < b` is written `a < lt(ID, HOW) > b`: both operators have the rank of the one that they stand for, so
// nobody needs to know where the operands begin and end. HOW counts the other operators that could stand there.
struct Place {
  int id;
  int how;
  int chosen() const { return active == id ? how : 0; }
};
template <class A>
struct Left {
  const A& a;
  int how;
};

// OUT and IN: the operators at the place's two sides, the first also being the one it stands for.
#define PPO_MUTANT_PLACE(NAME, OUT, IN, ORIGINAL, FIRST, SECOND)             \
  struct NAME : Place {};                                                    \
  inline NAME make_##NAME(int id, int how) { return {{id, how}}; }           \
  template <class A>                                                         \
  struct Left##NAME : Left<A> {};                                            \
  template <class A>                                                         \
  Left##NAME<A> operator OUT(const A& a, NAME place) {                       \
    return {{a, place.chosen()}};                                            \
  }                                                                          \
  template <class A, class B>                                                \
  auto operator IN(Left##NAME<A> left, const B& b)->decltype(left.a ORIGINAL b) { \
    switch (left.how) {                                                      \
      case 1:                                                                \
        return left.a FIRST b;                                               \
      case 2:                                                                \
        return left.a SECOND b;                                              \
      default:                                                               \
        return left.a ORIGINAL b;                                            \
    }                                                                        \
  }
PPO_MUTANT_PLACE(lt, <, >, <, <=, >=)
PPO_MUTANT_PLACE(le, <=, >=, <=, <, >)
PPO_MUTANT_PLACE(gt, >, <, >, >=, <=)
PPO_MUTANT_PLACE(ge, >=, <=, >=, >, <)
PPO_MUTANT_PLACE(eq, ==, ==, ==, !=, !=)
PPO_MUTANT_PLACE(ne, !=, !=, !=, ==, ==)
PPO_MUTANT_PLACE(plus, +, +, +, -, -)
PPO_MUTANT_PLACE(minus, -, -, -, +, +)

// `!x` is written `no(ID) ->* x`.
struct No : Place {};
inline No no(int id) { return {{id, 1}}; }
template <class T>
bool operator->*(No place, const T& value) {
  return place.chosen() == 0 ? !static_cast<bool>(value) : static_cast<bool>(value);
}

// A bound: a number that is compared or added, or a named limit.
template <class T>
T number(int id, T n) {
  static_assert(std::is_arithmetic_v<T>);
  return active == id ? static_cast<T>(n + 1) : n;
}
template <class T>
T limit(int id, T n) {
  static_assert(std::is_arithmetic_v<T>);
  return active == id ? static_cast<T>(2 * n) : n;
}

// std::min and std::max, changed into each other.
struct Extreme : Place {
  template <class T>
  const T& operator()(const T& a, const T& b) const {
    return (chosen() == 0) == (how == 1) ? std::min(a, b) : std::max(a, b);
  }
  template <class T>
  T operator()(std::initializer_list<T> all) const {
    return (chosen() == 0) == (how == 1) ? std::min(all) : std::max(all);
  }
};
inline Extreme min(int id) { return {{id, 1}}; }
inline Extreme max(int id) { return {{id, 2}}; }

// What a function returns: no instead of yes, one more, nothing.
template <class T>
T returned(int id, T value) {
  if (active != id) return value;
  if constexpr (std::is_same_v<T, bool>) {
    return !value;
  } else if constexpr (std::is_pointer_v<T>) {
    return nullptr;
  } else {
    static_assert(std::is_arithmetic_v<T>);
    return static_cast<T>(value + 1);
  }
}
template <class T>
std::optional<T> returned(int id, std::optional<T> value) {
  if (active == id) value.reset();
  return value;
}

}  // namespace mut
