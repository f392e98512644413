#include "feed/seen_events.h"

#include <cstdint>
#include <random>
#include <set>
#include <string>

#include <doctest/doctest.h>

using feed::SeenEvents;

TEST_CASE("seen events: agrees with a plain set for numbers in any order") {
  std::mt19937 random(3);
  SeenEvents seen;
  std::set<std::uint64_t> plain;
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t seq = random() % 3000;
    CHECK(seen.insert("a", "r", seq) == plain.insert(seq).second);
  }
}

TEST_CASE("seen events: sources and runs are counted apart") {
  SeenEvents seen;
  CHECK(seen.insert("a", "r", 1));
  CHECK(seen.insert("a", "s", 1));
  CHECK(seen.insert("b", "r", 1));
  CHECK_FALSE(seen.insert("a", "r", 1));
  CHECK(seen.insert("a", "r", 18446744073709551615u));
  CHECK_FALSE(seen.insert("a", "r", 18446744073709551615u));
  CHECK(seen.insert("a", "r", 18446744073709551614u));
}

TEST_CASE("seen events: numbers in one piece are remembered without end") {
  SeenEvents seen;
  for (std::uint64_t seq = 1; seq <= 100000; ++seq) CHECK(seen.insert("a", "r", seq));
  CHECK_FALSE(seen.insert("a", "r", 1));
  CHECK_FALSE(seen.insert("a", "r", 50000));
}

TEST_CASE("seen events: of too many pieces the oldest are forgotten") {
  SeenEvents seen;
  for (std::uint64_t i = 0; i <= SeenEvents::kRangesOfRunMax; ++i)
    seen.insert("a", "r", 2 * i + 10);
  CHECK(seen.insert("a", "r", 10));
  CHECK_FALSE(seen.insert("a", "r", 2 * SeenEvents::kRangesOfRunMax + 10));
}

TEST_CASE("seen events: of too many runs the one untouched for longest is forgotten") {
  SeenEvents seen;
  seen.insert("a", "old", 1);
  seen.insert("a", "kept", 1);
  for (size_t i = 2; i < SeenEvents::kRunsMax; ++i) seen.insert("a", std::to_string(i), 1);
  CHECK_FALSE(seen.insert("a", "kept", 1));
  seen.insert("a", "one more", 1);
  CHECK(seen.runs() == SeenEvents::kRunsMax);
  CHECK_FALSE(seen.insert("a", "kept", 1));
  CHECK(seen.insert("a", "old", 1));
}
