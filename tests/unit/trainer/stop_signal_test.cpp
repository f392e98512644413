#include "trainer/run/stop_signal.h"

#include <signal.h>

#include <initializer_list>

#include <doctest/doctest.h>

using trainer::StopSignal;

TEST_CASE("stop signal: nothing is requested until a signal comes") {
  const StopSignal stop;
  CHECK_FALSE(stop.requested());
}

TEST_CASE("stop signal: SIGINT and SIGTERM are requests") {
  for (const int number : {SIGINT, SIGTERM}) {
    const StopSignal stop;
    REQUIRE(::raise(number) == 0);
    CHECK(stop.requested());
    REQUIRE(::raise(number) == 0);  // a second one changes nothing
    CHECK(stop.requested());
  }
}

TEST_CASE("stop signal: a new one starts anew and the old handlers come back") {
  struct sigaction before {};
  REQUIRE(::sigaction(SIGTERM, nullptr, &before) == 0);
  {
    const StopSignal stop;
    CHECK_FALSE(stop.requested());
  }
  struct sigaction after {};
  REQUIRE(::sigaction(SIGTERM, nullptr, &after) == 0);
  const bool restored = before.sa_handler == after.sa_handler;
  CHECK(restored);
}
