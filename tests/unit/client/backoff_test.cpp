#include "feed/backoff.h"

#include <vector>

#include <doctest/doctest.h>

using feed::Backoff;
using std::chrono::milliseconds;

TEST_CASE("backoff: every wait is between nothing and a ceiling that doubles up to the maximum") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    Backoff backoff({milliseconds(250), milliseconds(10000)}, seed);
    milliseconds ceiling(250);
    for (int attempt = 0; attempt < 12; ++attempt) {
      const milliseconds wait = backoff.next();
      CHECK(wait >= milliseconds(0));
      CHECK(wait <= ceiling);
      ceiling = std::min(milliseconds(10000), ceiling * 2);
    }
  }
}

TEST_CASE("backoff: clients that lost the same bridge spread over the whole time") {
  std::vector<int> in_quarter(4);
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Backoff backoff({milliseconds(1000), milliseconds(1000)}, seed);
    ++in_quarter[static_cast<size_t>(
        std::min<long>(3, static_cast<long>(backoff.next().count()) / 250))];
  }
  for (const int count : in_quarter) CHECK(count > 60);
}

TEST_CASE("backoff: a seed repeats its waits, and a reset makes them short again") {
  Backoff one({milliseconds(250), milliseconds(10000)}, 7);
  Backoff other({milliseconds(250), milliseconds(10000)}, 7);
  for (int attempt = 0; attempt < 10; ++attempt) CHECK(one.next() == other.next());
  one.reset();
  CHECK(one.next() <= milliseconds(250));
}
