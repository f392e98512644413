#include "net/short_queue.h"

#include <doctest/doctest.h>

#include <memory>
#include <queue>
#include <random>

using namespace bridge;

TEST_CASE("short queue: as std::deque would have it, whatever comes and goes, and it keeps nothing that has gone") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::queue<std::shared_ptr<int>, ShortQueue<std::shared_ptr<int>>> ours;
    std::queue<std::shared_ptr<int>> theirs;
    for (int step = 0; step < 200; ++step) {
      if (random() % 2 == 0) {
        const auto value = std::make_shared<int>(step);
        ours.push(value);
        theirs.push(value);
      } else if (!theirs.empty()) {
        const std::weak_ptr<int> gone = theirs.front();
        ours.pop();
        theirs.pop();
        REQUIRE(gone.expired());
      }
      REQUIRE(ours.size() == theirs.size());
      REQUIRE(ours.empty() == theirs.empty());
      if (!theirs.empty()) REQUIRE(ours.front() == theirs.front());
    }
  }
}
