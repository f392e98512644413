// Time as an argument: everything that needs the time is given a Clock, so that tests tick it.
#pragma once

#include <cstdint>

namespace bridge {

// Source of time. Implementations are safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  // Microseconds since 1970-01-01 UTC. May step backwards when the system's clock is set.
  virtual std::int64_t wall_us() const = 0;
  // Microseconds since some start; never goes backwards. For intervals and deadlines.
  virtual std::int64_t steady_us() const = 0;
};

// The machine's clocks.
class SystemClock final : public Clock {
 public:
  std::int64_t wall_us() const override;
  std::int64_t steady_us() const override;
};

// A clock that moves only when told to. For tests; not thread-safe.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(std::int64_t wall_us = 1'619'395'200'000'000) : wall_us_(wall_us) {}
  std::int64_t wall_us() const override { return wall_us_; }
  std::int64_t steady_us() const override { return steady_us_; }
  void advance_us(std::int64_t us) {
    wall_us_ += us;
    steady_us_ += us;
  }
  // Steps the wall clock alone, as an operator or NTP would.
  void step_wall_us(std::int64_t us) { wall_us_ += us; }

 private:
  std::int64_t wall_us_;
  std::int64_t steady_us_ = 0;
};

}  // namespace bridge
