// What mutate.py puts into a copy of the bridge: each operator that may be changed stands with its mutant's
// number, and the program runs with the one that $PPO_MUTANT names changed, or with none. Where $PPO_MUTANTS_REACHED
// names a file, the program writes there at its end which places it came to.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <initializer_list>
#include <optional>
#include <type_traits>

namespace mut {

inline const int active = std::getenv("PPO_MUTANT") == nullptr ? 0 : std::atoi(std::getenv("PPO_MUTANT"));

// By number: whether it was come to.
struct Reached {
  static constexpr std::size_t kNumbersMax = 4'000'000;
  const char* const file = std::getenv("PPO_MUTANTS_REACHED");
  bool* const places = file == nullptr ? nullptr : new bool[kNumbersMax]();  // what ends after this one may go on asking
  void at(int id) {
    if (places != nullptr) places[id] = true;
  }
  ~Reached() {
    std::FILE* const out = file == nullptr ? nullptr : std::fopen(file, "w");
    if (out == nullptr) return;
    for (std::size_t id = 0; id < kNumbersMax; ++id) {
      if (places[id]) std::fprintf(out, "%zu\n", id);
    }
    std::fclose(out);
  }
};
inline Reached reached;

// A place has a number for each way in which it can be changed, the first of them being ID.
struct Place {
  int id;
  int ways;
  // Which way, from 1; 0: it stays as it is.
  int chosen() const {
    reached.at(id);
    return active >= id && active < id + ways ? active - id + 1 : 0;
  }
};

// `a < b` is written `a < lt(ID) > b`: both operators have the rank of the one that they stand for, so
// nobody needs to know where the operands begin and end.
template <class A>
struct Left {
  const A& a;
  int how;
};

// OUT and IN: the operators at the place's two sides, the first also being the one it stands for.
#define PPO_MUTANT_PLACE(NAME, OUT, IN, ORIGINAL, WAYS, FIRST, SECOND)       \
  struct NAME : Place {};                                                    \
  inline NAME make_##NAME(int id) { return {{id, WAYS}}; }                   \
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
PPO_MUTANT_PLACE(lt, <, >, <, 2, <=, >=)
PPO_MUTANT_PLACE(le, <=, >=, <=, 2, <, >)
PPO_MUTANT_PLACE(gt, >, <, >, 2, >=, <=)
PPO_MUTANT_PLACE(ge, >=, <=, >=, 2, >, <)
PPO_MUTANT_PLACE(eq, ==, ==, ==, 1, !=, !=)
PPO_MUTANT_PLACE(ne, !=, !=, !=, 1, ==, ==)
PPO_MUTANT_PLACE(plus, +, +, +, 1, -, -)
PPO_MUTANT_PLACE(minus, -, -, -, 1, +, +)

// `!x` is written `no(ID) ->* x`.
struct No : Place {};
inline No no(int id) { return {{id, 1}}; }
template <class T>
bool operator->*(No place, const T& value) {
  return place.chosen() == 0 ? !static_cast<bool>(value) : static_cast<bool>(value);
}

// Whether a place that has one way is changed.
inline bool changed(int id) { return Place{id, 1}.chosen() != 0; }

// A bound: a number that is compared or added, or a named limit.
template <class T>
T number(int id, T n) {
  static_assert(std::is_arithmetic_v<T>);
  return changed(id) ? static_cast<T>(n + 1) : n;
}
template <class T>
T limit(int id, T n) {
  static_assert(std::is_arithmetic_v<T>);
  return changed(id) ? static_cast<T>(2 * n) : n;
}

// std::min and std::max, changed into each other.
struct Extreme : Place {
  bool is_min;
  template <class T>
  const T& operator()(const T& a, const T& b) const {
    return (chosen() == 0) == is_min ? std::min(a, b) : std::max(a, b);
  }
  template <class T>
  T operator()(std::initializer_list<T> all) const {
    return (chosen() == 0) == is_min ? std::min(all) : std::max(all);
  }
};
inline Extreme min(int id) { return {{id, 1}, true}; }
inline Extreme max(int id) { return {{id, 1}, false}; }

// What a function returns: no instead of yes, one more, nothing.
template <class T>
T returned(int id, T value) {
  if (!changed(id)) return value;
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
  if (changed(id)) value.reset();
  return value;
}

}  // namespace mut
