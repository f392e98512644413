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
  b.receive_to_send.add(5, 2);
  a += b;
  n = 0;
  for (const CounterRow& row : kCounterRows) {
    CHECK(a.*row.member == (row.is_max() ? 1000 : n + 1001));
    ++n;
  }
  CHECK(a.rejected[3] == 14);
  CHECK(a.receive_to_send.count() == 2);
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
