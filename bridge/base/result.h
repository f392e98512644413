// The outcome of something that may fail for reasons outside our code.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace bridge {

// Why something failed, for a person: names the thing, its value and the allowed range.
struct Failure {
  std::string message;
};

// Either a T or an error E. Reading the side that is not there is a bug of ours (assert).
template <class T, class E = Failure>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  const T& value() const {
    assert(ok());
    return *std::get_if<0>(&state_);
  }
  const E& error() const {
    assert(!ok());
    return *std::get_if<1>(&state_);
  }

 private:
  std::variant<T, E> state_;
};

}  // namespace bridge
