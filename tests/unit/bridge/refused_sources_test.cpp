#include "sources/refused_sources.h"

#include <doctest/doctest.h>

#include <string>

using namespace bridge;

namespace {
constexpr std::int64_t kMinuteUs = RefusedSources::kIntervalUs;
}

TEST_CASE("refused sources: each is told of once a minute, and what has no name never") {
  RefusedSources refused;
  CHECK_FALSE(refused.tell("", 7));
  CHECK(refused.tell("a", 7));
  CHECK(refused.tell("b", 8));
  CHECK_FALSE(refused.tell("a", 7));
  CHECK_FALSE(refused.tell("a", 7 + kMinuteUs - 1));
  CHECK(refused.tell("a", 7 + kMinuteUs));
  CHECK_FALSE(refused.tell("a", 7 + 2 * kMinuteUs - 1));
}

TEST_CASE("refused sources: where many were told of within a minute no more are, until the first is a minute old") {
  RefusedSources refused;
  for (std::size_t i = 0; i < RefusedSources::kSourcesMax; ++i) CHECK(refused.tell(std::to_string(i), static_cast<std::int64_t>(i)));
  CHECK_FALSE(refused.tell("more", 300));
  CHECK_FALSE(refused.tell("more", kMinuteUs - 1));
  CHECK(refused.tell("more", kMinuteUs));  // in the place of "0"
  CHECK_FALSE(refused.tell("0", kMinuteUs));
  CHECK(refused.tell("1", kMinuteUs + 1));  // one that is known has its place
  CHECK_FALSE(refused.tell("0", kMinuteUs + 1));
  CHECK(refused.tell("0", kMinuteUs + 2));  // in the place of "2"
  CHECK_FALSE(refused.tell("2", kMinuteUs + 2));
}
