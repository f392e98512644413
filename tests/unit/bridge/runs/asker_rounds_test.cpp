#include "runs/asker_rounds.h"

#include <doctest/doctest.h>

#include <array>

using namespace bridge;

namespace {

constexpr std::size_t kOfOne = AskerRounds::kWaitingOfOneMax;
constexpr std::size_t kAll = AskerRounds::kWaitingMax;

}  // namespace

TEST_CASE("asker rounds: one question of each in turn, however many somebody has asked before") {
  AskerRounds rounds;
  const std::array<char, 2> who{};
  for (std::uint64_t i = 1; i <= kOfOne; ++i) CHECK(rounds.add(&who[0], 0) == i);
  CHECK_FALSE(rounds.add(&who[0], 0));
  CHECK(rounds.add(&who[1], 3) == 4);  // three of the other's were begun
  CHECK(rounds.add(&who[1], 3) == 5);
  rounds.end(&who[0]);
  CHECK(rounds.add(&who[0], 3) == kOfOne + 1);
  rounds.end(&who[1]);
  rounds.end(&who[1]);
  CHECK(rounds.add(&who[1], 20) == 21);  // nothing is owed to who was silent
}

TEST_CASE("asker rounds: who floods takes nobody's only place, and all places are bounded") {
  AskerRounds rounds;
  const std::array<char, 200> who{};
  for (std::size_t flood = 0; flood < kAll / kOfOne; ++flood) {
    for (std::size_t i = 0; i < kOfOne; ++i) REQUIRE(rounds.add(&who[flood], 0));
  }
  rounds.end(&who[0]);
  REQUIRE(rounds.add(&who[100], 0));
  CHECK_FALSE(rounds.add(&who[100], 0));  // a second one when 64 wait
  CHECK_FALSE(rounds.add(&who[0], 0));
  for (std::size_t i = 101; i < 100 + kAll + 1; ++i) CHECK(rounds.add(&who[i], 0));
  CHECK_FALSE(rounds.add(&who[199], 0));
}
