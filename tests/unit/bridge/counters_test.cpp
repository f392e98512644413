#include "base/counters.h"
#include "base/loop_turns.h"

#include <doctest/doctest.h>

#include <ctime>
#include <set>
#include <string>

using namespace bridge;

TEST_CASE("counters: every line has names of its own, and a group's lines stand together") {
  std::set<std::string> names, metrics, groups;
  std::string group;
  for (const CounterRow& row : kCounterRows) {
    CAPTURE(std::string(row.name));
    CHECK(row.help.empty() == row.metric.empty());  // what has a label in /metrics is explained there
    CHECK(row.group.empty() == row.name.empty());
    if (!row.metric.empty()) CHECK(metrics.insert(std::string(row.metric)).second);
    if (row.group.empty()) continue;
    CHECK(names.insert(std::string(row.group) + "." + std::string(row.name)).second);
    if (row.group != group) {
      group = row.group;
      CHECK(groups.insert(group).second);
    }
  }
}

TEST_CASE("counters: the sum of two threads' is of every line") {
  Counters a, b;
  std::uint64_t n = 0;
  for (const CounterRow& row : kCounterRows) {
    a.*row.member = ++n;
    b.*row.member = 1000;
  }
  a.rejected[3] = b.rejected[3] = 7;
  b.receive_to_send[1].add(5, 2);
  a.send_to_ack[0].add(5, 1);
  b.send_to_ack[0].add(5, 1);
  a += b;
  n = 0;
  for (const CounterRow& row : kCounterRows) {
    CHECK(a.*row.member == (row.is_max() ? 1000 : n + 1001));
    ++n;
  }
  CHECK(a.rejected[3] == 14);
  CHECK(a.receive_to_send[1].count() == 2);
  CHECK(a.receive_to_send[0].count() == 0);
  CHECK(a.send_to_ack[0].count() == 2);
}

TEST_CASE("counters: long turns are counted, and the longest is told for a minute") {
  Counters counters;
  FakeClock clock;
  const auto turn = [&clock](std::int64_t us) {
    LoopTurns::begin();
    clock.advance_us(us);
    LoopTurns::end();
  };
  turn(9'000);  // nobody counts
  CHECK(counters.loop_turns == 0);
  const LoopTurns turns(counters, clock);
  turn(2'000);
  CHECK(counters.loop_turns_long == 0);
  turn(2'001);
  turn(10);
  CHECK(counters.loop_turns == 3);
  CHECK(counters.loop_turns_long == 1);
  CHECK(counters.loop_turn_us_max == 2'001);
  clock.advance_us(54'000'000);
  turn(30);
  CHECK(counters.loop_turn_us_max == 2'001);
  clock.advance_us(6'000'000);
  turn(20);
  CHECK(counters.loop_turn_us_max == 30);
  clock.advance_us(600'000'000);
  turn(1);
  CHECK(counters.loop_turn_us_max == 1);
}

TEST_CASE("counters: of a slow turn it is told what it did, of each part without those within it") {
  Counters counters;
  FakeClock clock;
  SlowTurns slow;
  const LoopTurns turns(counters, clock, &slow);
  const auto turn = [&](std::int64_t us) {
    LoopTurns::begin();
    const TurnPart events("events in");
    counters.bodies_received += 7;
    clock.advance_us(us);
    {
      const TurnPart clients("to clients");
      clock.advance_us(1'000);
    }
    clock.advance_us(500);
    const TurnPart again("to clients");
    clock.advance_us(10);
    LoopTurns::end();
  };
  turn(3'490);  // with the rest exactly as long as is nothing to tell of
  CHECK(slow.list().empty());
  turn(4'000);
  REQUIRE(slow.list().size() == 1);
  const SlowTurn told = slow.list().front();
  CHECK(told.took_us == 5'510);
  CHECK(told.bodies_in == 7);
  CHECK_FALSE(told.thread.empty());
  REQUIRE(told.parts_count == 3);
  CHECK(told.parts[0].us == 0);
  CHECK(std::string(told.parts[1].what) == "events in");
  CHECK(told.parts[1].us == 4'500);
  CHECK(told.parts[2].us == 1'010);
  CHECK(told.parts[2].times == 2);
  for (int i = 0; i < 300; ++i) turn(4'000 + i);
  CHECK(slow.count() == 301);
  REQUIRE(slow.list().size() == kSlowTurnsMax);
  CHECK(slow.list().front().took_us == 5'809);
}

TEST_CASE("counters: a turn of more kinds of things than there is room for is told of all the same") {
  Counters counters;
  FakeClock clock;
  SlowTurns slow;
  const LoopTurns turns(counters, clock, &slow);
  static const char* const kNames[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n"};
  LoopTurns::begin();
  for (const char* const name : kNames) {
    const TurnPart part(name);
    clock.advance_us(1'000);
    if (name == kNames[13]) LoopTurns::begin();  // a turn within a turn: the part's end finds another turn
  }
  clock.advance_us(6'000);
  LoopTurns::end();
  LoopTurns::begin();
  for (const char* const name : kNames) {
    const TurnPart part(name);
    clock.advance_us(1'000);
  }
  LoopTurns::end();
  const auto long_ones = slow.list();
  REQUIRE(long_ones.size() == 2);
  CHECK(long_ones[0].parts_count == SlowTurn::kPartsMax);
  std::int64_t sum = 0;
  for (const SlowTurn::Part& part : long_ones[0].parts) sum += part.us;
  CHECK(sum == 14'000);
  CHECK(long_ones[1].parts[0].us == 6'000);
}

TEST_CASE("counters: of a long turn it is told how much of the processor it took") {
  Counters counters;
  FakeClock clock;
  const LoopTurns turns(counters, clock);
  LoopTurns::begin();
  clock.advance_us(3'600'000'000);  // it waited
  LoopTurns::end();
  CHECK(counters.loop_turns_long == 1);
  CHECK(counters.loop_turns_cpu_long == 0);
  LoopTurns::begin();
  const std::clock_t until = std::clock() + CLOCKS_PER_SEC / 100;
  while (std::clock() < until) {
  }
  clock.advance_us(3'600'000'000);
  LoopTurns::end();
  CHECK(counters.loop_turns_cpu_long == 1);
  CHECK(counters.loop_turn_cpu_us_max >= 5'000);
  CHECK(counters.loop_turn_cpu_us_max < 3'600'000'000);
  clock.advance_us(60'000'000);
  LoopTurns::begin();
  LoopTurns::end();
  CHECK(counters.loop_turn_cpu_us_max == 0);
}
