#include "cluster/stall_watch.h"

#include <doctest/doctest.h>

using namespace bridge;

TEST_CASE("stalls: counted where something waits and the log stands still for more than a second") {
  StallWatch watch;
  watch.tick(false, 1, 0);
  watch.tick(false, 1, 9'000'000);  // nothing waits
  CHECK(watch.count() == 0);
  watch.tick(true, 1, 10'000'000);
  watch.tick(true, 1, 10'900'000);
  CHECK(watch.stalled_us() == 0);
  watch.tick(true, 2, 11'100'000);  // it goes on
  watch.tick(true, 2, 12'000'000);
  CHECK(watch.count() == 0);
  watch.tick(true, 2, 12'200'000);
  watch.tick(true, 2, 14'100'000);
  CHECK(watch.count() == 1);
  CHECK(watch.stalled_us() == 3'000'000);
  watch.tick(true, 3, 14'200'000);
  CHECK(watch.stalled_us() == 0);
  CHECK(watch.longest_us() == 3'000'000);
  watch.tick(true, 3, 16'000'000);
  watch.tick(false, 3, 16'100'000);
  CHECK(watch.count() == 2);
  CHECK(watch.longest_us() == 3'000'000);
}
