// What is known of the bridge's clock.
#include "bridge_clock.h"

#include <doctest/doctest.h>

#include <chrono>
#include <limits>

using ppo::BridgeClock;
using std::chrono::milliseconds;
using Clock = BridgeClock::Clock;

namespace {

constexpr std::int64_t kStampUs = 1'619'395'200'100'000;

// A question at `sent` and its answer after `round_trip`, of a bridge whose clock shows `bridge_s`
// in the middle.
void exchange(BridgeClock& clock, Clock::time_point sent, milliseconds round_trip,
              double bridge_s) {
  static std::int64_t stamp_us = kStampUs;
  clock.asked(++stamp_us, sent);
  clock.answered(static_cast<double>(stamp_us) / 1e6, bridge_s, sent + round_trip);
}

double ms_after(Clock::time_point start, const BridgeClock& clock, double bridge_s) {
  const auto moment = clock.surely_past(bridge_s);
  REQUIRE(moment);
  return std::chrono::duration<double, std::milli>(*moment - start).count();
}

}  // namespace

TEST_CASE("bridge clock: nothing is known before an answer, or from one to no question of ours") {
  BridgeClock clock;
  const auto now = Clock::now();
  CHECK_FALSE(clock.surely_past(5000));
  clock.asked(kStampUs, now);
  for (const double stamp : {0.0, -1.0, 1e300, std::numeric_limits<double>::infinity(),
                             std::numeric_limits<double>::quiet_NaN(), 1619395200.2}) {
    clock.answered(stamp, 5000, now);
  }
  CHECK_FALSE(clock.surely_past(5000));
  clock.answered(1619395200.1, 5000, now);
  CHECK(clock.surely_past(5000));
  clock.answered(1619395200.1, 9000, now);  // a second time
  CHECK(ms_after(now, clock, 5001) == doctest::Approx(1000));
  clock.forget();
  CHECK_FALSE(clock.surely_past(5000));
}

TEST_CASE("bridge clock: wrong by half the round trip at most, the shortest of the newest eight") {
  BridgeClock clock;
  const auto start = Clock::now();
  exchange(clock, start, milliseconds(100), 5000.050);
  // By our middle it is 5001 after 1000 ms, and surely so after 50 ms more.
  CHECK(ms_after(start, clock, 5001) == doctest::Approx(1050));
  exchange(clock, start + milliseconds(500), milliseconds(20), 5000.505);
  CHECK(ms_after(start, clock, 5001) == doctest::Approx(1015));
  for (int i = 0; i < 7; ++i)
    exchange(clock, start + milliseconds(500), milliseconds(60), 5000.530);
  CHECK(ms_after(start, clock, 5001) == doctest::Approx(1015));
  exchange(clock, start + milliseconds(500), milliseconds(60), 5000.530);
  CHECK(ms_after(start, clock, 5001) == doctest::Approx(1030));
}

TEST_CASE("bridge clock: one that was set is believed from its next answer on") {
  BridgeClock clock;
  const auto start = Clock::now();
  for (int i = 0; i < 8; ++i) exchange(clock, start, milliseconds(2), 1'000'000'000.001);
  exchange(clock, start, milliseconds(10), 5000.005);
  CHECK(ms_after(start, clock, 5001) == doctest::Approx(1005));
}

TEST_CASE("bridge clock: a moment beyond all reckoning does not overflow") {
  BridgeClock clock;
  const auto start = Clock::now();
  exchange(clock, start, milliseconds(2), 0);
  CHECK(*clock.surely_past(1e11) > start + std::chrono::hours(24 * 365));
  BridgeClock ahead;
  exchange(ahead, start, milliseconds(2), 1e11);
  CHECK(*ahead.surely_past(0) < start);
}
