// Waiting in tests: for a condition, with a deadline, and never a bare sleep.
#pragma once

#include <chrono>
#include <thread>
#include <utility>

namespace testing_support {

using std::chrono::milliseconds;

// How long a test waits for something that should happen at once. Generous, because sanitizers on
// a busy machine are slow; it is only ever spent by a test that fails.
constexpr milliseconds kPatience{60'000};

// A moment after which waiting ends. Copyable; made from a timeout, asked for what is left of it.
class Deadline {
 public:
  explicit Deadline(milliseconds timeout) : end_(std::chrono::steady_clock::now() + timeout) {}

  bool passed() const { return std::chrono::steady_clock::now() >= end_; }

  // What is left, rounded up to a millisecond, never below 0: fit for poll().
  milliseconds left() const {
    const auto now = std::chrono::steady_clock::now();
    return now >= end_ ? milliseconds{0} : std::chrono::ceil<milliseconds>(end_ - now);
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

// Asks `condition` every 2 ms until it holds or `timeout` has passed; returns what it said last.
template <typename Condition>
[[nodiscard]] bool wait_until(Condition&& condition, milliseconds timeout = kPatience) {
  const Deadline deadline(timeout);
  while (!condition()) {
    if (deadline.passed()) return static_cast<bool>(condition());
    std::this_thread::sleep_for(milliseconds{2});
  }
  return true;
}

}  // namespace testing_support
