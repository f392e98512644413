#include "base/counters.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

using namespace bridge;

TEST_CASE("counters: every line has names of its own, and a group's lines stand together") {
  std::set<std::string> names, metrics, groups;
  std::string group;
  for (const CounterRow& row : kCounterRows) {
    CAPTURE(std::string(row.help));
    CHECK_FALSE(row.help.empty());
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
  for (const CounterRow& row : kCounterRows) CHECK(a.*row.member == ++n + 1000);
  CHECK(a.rejected[3] == 14);
  CHECK(a.receive_to_send.count() == 2);
}
