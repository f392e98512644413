#include "sources/source_clock.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>

using namespace bridge;

namespace {

// A bridge and a source whose clock is `ahead_us` ahead, with so long ways between them.
struct TwoClocks {
  std::int64_t wall_us = 1'600'000'000'000'000;
  std::int64_t steady_us = 77;
  std::int64_t ahead_us = 250'000;
  SourceClock clock;

  double source_s() const { return static_cast<double>(wall_us + ahead_us) / 1e6; }
  void pass(std::int64_t us) {
    wall_us += us;
    steady_us += us;
  }
  void exchange(std::int64_t there_us, std::int64_t between_us, std::int64_t back_us) {
    const double at_s = static_cast<double>(wall_us) / 1e6;
    clock.asked(wall_us, steady_us);
    pass(there_us);
    const double heard_s = source_s();
    pass(between_us);
    const double said_s = source_s();
    pass(back_us);
    clock.answered(at_s, heard_s, said_s, wall_us, steady_us);
  }
};

}  // namespace

TEST_CASE("source clock: nothing is known of a source that answers nothing, or not what was asked") {
  TwoClocks two;
  CHECK_FALSE(two.clock.known());
  two.clock.answered(1'600'000'000, 1'600'000'000, 1'600'000'001, two.wall_us, two.steady_us);  // nothing was asked
  CHECK_FALSE(two.clock.known());
  two.clock.asked(two.wall_us, two.steady_us);
  two.pass(1'000'000);
  two.clock.answered(1'600'000'000.5, 1'600'000'000, 1'600'000'001, two.wall_us, two.steady_us);  // another stamp
  CHECK_FALSE(two.clock.known());
}

TEST_CASE("source clock: a stamp that went through decimals is the one that was asked, and one three microseconds off is another") {
  for (const std::int64_t off_us : {-3, -1, 1, 3}) {
    TwoClocks two;
    two.clock.asked(two.wall_us, two.steady_us);
    const double at_s = static_cast<double>(two.wall_us + off_us) / 1e6;
    two.pass(1'000);
    two.clock.answered(at_s, two.source_s(), two.source_s(), two.wall_us, two.steady_us);
    CHECK(two.clock.known() == (std::abs(off_us) == 1));
  }
}

TEST_CASE("source clock: stamps that no clock can have shown are passed over") {
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), -1.0, 1e300}) {
    TwoClocks two;
    two.clock.asked(two.wall_us, two.steady_us);
    two.pass(1'000'000);
    two.clock.answered(1'600'000'000, bad, 1'600'000'001, two.wall_us, two.steady_us);
    two.clock.asked(two.wall_us, two.steady_us);
    two.clock.answered(1'600'000'001, 1'600'000'000, bad, two.wall_us, two.steady_us);
    CHECK_FALSE(two.clock.known());
  }
  TwoClocks two;  // more time passed between its two stamps than on the bridge's clock; or less than none
  for (const std::int64_t between : {5'000'000, -10}) {
    const double at_s = static_cast<double>(two.wall_us) / 1e6;
    two.clock.asked(two.wall_us, two.steady_us);
    two.pass(1'000'000);
    two.clock.answered(at_s, two.source_s(), two.source_s() + static_cast<double>(between) / 1e6, two.wall_us, two.steady_us);
    CHECK_FALSE(two.clock.known());
  }
}

TEST_CASE("source clock: the offset is found to within its error, and of several the best counts") {
  TwoClocks two;
  two.exchange(9'000, 1'000'000, 1'000);  // ways of unequal length: that is all that it can be wrong by
  REQUIRE(two.clock.known());
  CHECK(static_cast<double>(two.clock.offset_us()) == doctest::Approx(254'000).epsilon(0.0001));
  CHECK(two.clock.error_us(two.steady_us) >= 4'000);
  CHECK(two.clock.error_us(two.steady_us) <= 5'010);
  two.exchange(100, 1'000'000, 100);
  CHECK(static_cast<double>(two.clock.offset_us()) == doctest::Approx(250'000).epsilon(0.00001));
  CHECK(two.clock.error_us(two.steady_us) <= 103);
  two.exchange(30'000, 1'000'000, 100);
  CHECK(static_cast<double>(two.clock.offset_us()) == doctest::Approx(250'000).epsilon(0.00001));
  for (int i = 0; i < 8; ++i) two.exchange(3'000, 1'000'000, 3'000);  // the good one is too old to be among the eight
  CHECK(two.clock.error_us(two.steady_us) >= 3'000);
  const std::int64_t before = two.clock.error_us(two.steady_us);
  CHECK(static_cast<double>(two.clock.error_us(two.steady_us + 1'000'000'000)) == doctest::Approx(static_cast<double>(before + 15'000)).epsilon(0.01));
}

TEST_CASE("source clock: a clock that was set is believed at once, whichever it is") {
  TwoClocks two;
  for (int i = 0; i < 8; ++i) two.exchange(100, 1'000'000, 100);
  two.ahead_us = -3'600'000'000;
  two.exchange(5'000, 1'000'000, 5'000);
  CHECK(static_cast<double>(two.clock.offset_us()) == doctest::Approx(-3'600'000'000).epsilon(0.00001));
  two.wall_us += 60'000'000;  // the bridge's
  two.ahead_us -= 60'000'000;
  two.exchange(5'000, 1'000'000, 5'000);
  CHECK(static_cast<double>(two.clock.offset_us()) == doctest::Approx(-3'660'000'000).epsilon(0.00001));
}

TEST_CASE("source clock: one that answers at once, and one at the end of what clocks show, are known") {
  TwoClocks at_once;
  at_once.exchange(0, 0, 0);
  REQUIRE(at_once.clock.known());
  CHECK(at_once.clock.offset_us() == 250'000);
  CHECK(at_once.clock.error_us(at_once.steady_us) == 1);
  TwoClocks last;
  last.clock.asked(last.wall_us, last.steady_us);
  last.clock.answered(1'600'000'000, 1e11, 1e11, last.wall_us, last.steady_us);
  CHECK(last.clock.known());
  for (const double beyond : {1.000001e11, -0.000001}) {
    for (const bool heard : {false, true}) {
      TwoClocks wild;
      wild.clock.asked(wild.wall_us, wild.steady_us);
      wild.clock.answered(1'600'000'000, heard ? beyond : 1e11, heard ? 1e11 : beyond, wild.wall_us, wild.steady_us + (std::int64_t{1} << 60));
      CHECK_FALSE(wild.clock.known());
    }
  }
  TwoClocks first;
  first.clock.asked(first.wall_us, first.steady_us);
  first.clock.answered(1'600'000'000, 0, 0, first.wall_us, first.steady_us);
  CHECK(first.clock.known());
}
