#include "net/fair_turns.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>
#include <vector>

using namespace bridge;

namespace {

// Shreedhar and Varghese's figure 2, except that a piece is read while anything of the quantum is
// left: a list of queues, quanta given one by one. Slow, and plain.
struct Model {
  struct Queue {
    std::deque<std::int64_t> pieces;
    std::int64_t deficit = 0;
  };
  std::vector<Queue> queues;
  std::deque<std::size_t> active;
  std::int64_t quantum;

  void add(std::size_t who, std::int64_t piece) {
    queues[who].pieces.push_back(piece);
    if (std::find(active.begin(), active.end(), who) == active.end()) active.push_back(who);
  }
  // Whose pieces are read in one round of the one at the front.
  std::vector<std::size_t> round() {
    const std::size_t who = active.front();
    Queue& queue = queues[who];
    std::vector<std::size_t> read;
    active.pop_front();
    queue.deficit += quantum;
    while (queue.deficit > 0 && !queue.pieces.empty()) {
      queue.deficit -= queue.pieces.front();
      queue.pieces.pop_front();
      read.push_back(who);
    }
    if (!queue.pieces.empty()) {
      active.push_back(who);
      return read;
    }
    queue.deficit = std::min<std::int64_t>(queue.deficit, 0);
    if (active.empty()) {
      for (Queue& each : queues) each.deficit = 0;
    }
    return read;
  }
};

}  // namespace

TEST_CASE("fair turns: who waits twice is asked once") {
  FairTurns turns(2, 100);
  turns.join(1);
  turns.join(1);
  CHECK(turns.next() == 1);
  turns.took(10, true);
  CHECK(turns.nobody_waits());
  CHECK_FALSE(turns.waits(1));
}

TEST_CASE("fair turns: alone one has every turn, whatever he took") {
  FairTurns turns(3, 100);
  turns.join(2);
  for (const std::int64_t bytes : {1, 99, 100'000, 1, 250}) {
    CHECK(turns.next() == 2);
    CHECK(turns.allowance() > 0);
    turns.took(bytes, false);
  }
  CHECK(turns.next() == 2);
}

TEST_CASE("fair turns: who took more than he had pays for it, even if he left meanwhile") {
  FairTurns turns(2, 100);
  turns.join(0);
  turns.join(1);
  CHECK(turns.next() == 0);
  turns.took(1'000, true);
  turns.join(0);
  for (int round = 0; round < 9; ++round) {
    CHECK(turns.next() == 1);
    turns.took(100, false);
  }
  CHECK(turns.next() == 1);
  turns.took(100, true);
  CHECK(turns.next() == 0);
}

TEST_CASE("fair turns: credit lapses with nothing left to read") {
  FairTurns turns(2, 100);
  turns.join(0);
  turns.join(1);
  for (int i = 0; i < 5; ++i) {
    CHECK(turns.next() == 0);
    turns.took(1, true);
    turns.join(0);
    CHECK(turns.next() == 1);
    turns.took(100, false);
  }
  CHECK(turns.next() == 0);
  CHECK(turns.allowance() == 100);
}

TEST_CASE(
    "fair turns: of those who wait all the while nobody gets more than a quantum and a piece "
    "beyond another") {
  constexpr std::int64_t kQuantum = 16'384;
  std::mt19937 random(1);
  for (int run = 0; run < 50; ++run) {
    const std::size_t count = 2 + random() % 15;
    FairTurns turns(count, kQuantum);
    std::vector<std::int64_t> piece, had(count, 0);  // each has pieces of a size of its own
    for (std::size_t i = 0; i < count; ++i) {
      piece.push_back(1 + static_cast<std::int64_t>(random() % (1 << (1 + random() % 20))));
      turns.join(i);
    }
    const std::int64_t largest = *std::max_element(piece.begin(), piece.end());
    for (int step = 0; step < 5'000; ++step) {
      const std::size_t who = turns.next();
      had[who] += piece[who];
      turns.took(piece[who], false);
      const auto [least, most] = std::minmax_element(had.begin(), had.end());
      REQUIRE(*most - *least <= kQuantum + largest);
    }
  }
}

TEST_CASE("fair turns: reads in the order in which the plain algorithm does") {
  std::mt19937 random(2);
  for (int run = 0; run < 200; ++run) {
    const std::size_t count = 1 + random() % 6;
    const auto quantum = static_cast<std::int64_t>(1 + random() % 500);
    Model model{std::vector<Model::Queue>(count), {}, quantum};
    std::vector<std::deque<std::int64_t>> queues(count);
    FairTurns turns(count, quantum);
    for (int step = 0; step < 300; ++step) {
      for (auto more = random() % 4; more != 0; --more) {
        const std::size_t who = random() % count;
        const auto piece =
            static_cast<std::int64_t>(1 + random() % (random() % 8 == 0 ? 3'000 : 200));
        model.add(who, piece);
        queues[who].push_back(piece);
        turns.join(who);
      }
      CHECK(turns.nobody_waits() == model.active.empty());
      if (turns.nobody_waits()) continue;
      std::vector<std::size_t> read;
      while (read.empty()) read = model.round();
      for (const std::size_t who : read) {
        REQUIRE(turns.next() == who);
        const std::int64_t piece = queues[who].front();
        queues[who].pop_front();
        turns.took(piece, queues[who].empty());
      }
    }
  }
}

TEST_CASE("fair turns: those who wait keep their order and debts when more come") {
  FairTurns turns(3, 100);
  for (const std::size_t who : {0, 1, 2}) turns.join(who);
  CHECK(turns.next() == 0);
  turns.took(350, false);
  turns.resize(5);
  turns.join(4);
  turns.join(3);
  std::vector<std::size_t> order;
  for (int i = 0; i < 9; ++i) {
    order.push_back(turns.next());
    turns.took(100, false);
  }
  CHECK(order == std::vector<std::size_t>{1, 2, 4, 3, 1, 2, 4, 3, 1});
}
