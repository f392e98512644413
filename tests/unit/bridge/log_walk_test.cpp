#include "log/log_walk.h"

#include <doctest/doctest.h>

#include "fake_journal.h"
#include "fixture.h"

using namespace bridge;

namespace {

// A log whose older part only the journal holds.
struct WalkedLog {
  explicit WalkedLog(int events) : bench({10, 1 << 30}), past(&journal) {
    bench.log.add_on_seal([this](const BlockPtr& block) { journal.blocks.push_back(block); });
    for (int i = 0; i < events; ++i) {
      bench.take(R"({"type":"t","data":{}})");
    }
    bench.log.seal();
  }

  std::unique_ptr<LogWalk> walk(SeqRange range, LogWalk::Way way) {
    return std::make_unique<LogWalk>(
        bench.log, past, range, way,
        [this](const Block& block, std::size_t i, std::uint64_t&) {
          seen.push_back(block.seq(i));
          return seen.size() < enough;
        },
        [this] { ++ready; });
  }
  // To the end, with the journal's answers; returns what it cost.
  std::uint64_t finish(LogWalk& walk) {
    std::uint64_t work = 0;
    for (;;) {
      const std::uint64_t before = work;
      const LogWalk::State state = walk.step(7, &work);
      CHECK(work - before <= 8);
      if (state == LogWalk::State::ended) return work;
      if (state == LogWalk::State::more) continue;
      const int was_ready = ready;
      journal.answer();
      REQUIRE(ready == was_ready + 1);
    }
  }
  // What a walk sees.
  std::vector<std::uint64_t> seen_of(SeqRange range, LogWalk::Way way) {
    seen.clear();
    const auto all = walk(range, way);
    finish(*all);
    missed = all->missed();
    unreadable = all->unreadable();
    return seen;
  }

  Bench bench;
  FakeJournal journal;
  PastCache past;
  std::vector<std::uint64_t> seen;
  std::size_t enough = 1'000'000;
  std::uint64_t missed = 0;
  bool unreadable = false;
  int ready = 0;
};

std::vector<std::uint64_t> seqs_from_to(std::uint64_t from, std::uint64_t to) {
  std::vector<std::uint64_t> out;
  for (; from <= to; ++from) out.push_back(from);
  return out;
}

std::vector<std::uint64_t> reversed(std::vector<std::uint64_t> seqs) {
  std::reverse(seqs.begin(), seqs.end());
  return seqs;
}

constexpr auto kForward = LogWalk::Way::forward;
constexpr auto kBackward = LogWalk::Way::backward;
constexpr std::uint64_t kNoEnd = ~std::uint64_t{0};

}  // namespace

TEST_CASE("log walk: each event once, from memory into the journal and back, in steps") {
  WalkedLog log(103);
  REQUIRE(log.bench.log.history().first_seq() > 50);
  CHECK(log.seen_of({1, kNoEnd}, kForward) == seqs_from_to(1, 103));
  CHECK(log.seen_of({0, kNoEnd}, kBackward) == reversed(seqs_from_to(1, 103)));
  CHECK(log.seen_of({30, 99}, kForward) == seqs_from_to(30, 99));
  CHECK(log.seen_of({30, 99}, kBackward) == reversed(seqs_from_to(30, 99)));
  CHECK(log.missed == 0);
  CHECK(log.seen_of({50, 50}, kBackward) == seqs_from_to(50, 50));
  CHECK(log.seen_of({104, kNoEnd}, kForward).empty());
  CHECK(log.seen_of({kNoEnd, kNoEnd}, kBackward).empty());
  CHECK(log.seen_of({0, 0}, kForward).empty());
}

TEST_CASE("log walk: it ends where it is told, and goes on from there if it is stepped again") {
  WalkedLog log(40);
  log.enough = 3;
  const auto walk = log.walk({1, 40}, kBackward);
  log.finish(*walk);
  CHECK(log.seen == std::vector<std::uint64_t>{40, 39, 38});
  CHECK(walk->left().to == 37);
}

TEST_CASE("log walk: in steps of one it looks at one event each") {
  WalkedLog log(5);
  const auto walk = log.walk({1, 5}, kForward);
  std::uint64_t work = 0;
  for (std::size_t n = 1; n <= 5; ++n) {
    CHECK(walk->step(1, &work) == (n < 5 ? LogWalk::State::more : LogWalk::State::ended));
    CHECK(log.seen.size() == n);
  }
}

TEST_CASE("log walk: numbers that nobody holds are stepped over, however many") {
  WalkedLog log(40);
  // What came before was another numbering's, and far away.
  LogStart start("later");
  start.last_seq = 1'800'000'000'000'000;
  EventLog jumped(start, {10, 1 << 30});
  Envelope event;
  event.type = "t";
  event.data = "{}";
  for (int i = 0; i < 3; ++i) jumped.append(event, 1);
  for (const auto way : {kForward, kBackward}) {
    std::uint64_t visited = 0;
    LogWalk walk(jumped, log.past, {1, kNoEnd}, way,
                 [&](const Block&, std::size_t, std::uint64_t&) { return ++visited, true; }, [] {});
    std::uint64_t work = 0;
    for (int steps = 0; walk.step(1000, &work) != LogWalk::State::ended; ++steps) {
      REQUIRE(steps < 100);
      log.journal.answer();
    }
    CHECK(visited == 43);
    CHECK(walk.missed() == start.last_seq - 40);
    CHECK(work < 100);
  }
}

TEST_CASE("log walk: of rare types it sees all, without reading what is none, and misses as much as else") {
  WalkedLog log(0);
  for (int i = 1; i <= 200; ++i) log.bench.take(i % 61 == 0 ? R"({"type":"rare","data":{}})" : R"({"type":"t","data":{}})");
  log.bench.log.seal();
  const auto third = log.journal.blocks.begin() + 3;
  log.journal.blocks.erase(third, third + 4);
  log.journal.blocks.resize(log.journal.blocks.size() - 5);  // what is in memory it need not have yet
  for (const auto way : {kForward, kBackward}) {
    std::vector<std::uint64_t> rare;
    LogWalk walk(log.bench.log, log.past, {1, kNoEnd}, way,
                 [&](const Block& block, std::size_t i, std::uint64_t&) {
                   if (block.text(block.entry(i).type) == "rare") rare.push_back(block.seq(i));
                   return true;
                 },
                 [&log] { ++log.ready; }, {"rare"});
    log.journal.reads = 0;
    log.finish(walk);
    CHECK(rare == (way == kForward ? std::vector<std::uint64_t>{61, 122, 183} : std::vector<std::uint64_t>{183, 122, 61}));
    CHECK(walk.missed() == 4);
    CHECK(log.journal.reads <= 3);
  }
}

TEST_CASE("log walk: a hole in the journal is missed, and what is around it seen") {
  WalkedLog log(40);
  const auto third = log.journal.blocks.begin() + 3;
  log.journal.blocks.erase(third, third + 4);  // each of one event
  for (const auto way : {kForward, kBackward}) {
    CHECK(log.seen_of({1, 24}, way).size() == 20);
    CHECK(log.missed == 4);
    CHECK_FALSE(log.unreadable);
  }
}

TEST_CASE("log walk: without a journal the past is missed, and one that cannot be read is told") {
  WalkedLog log(40);
  const std::uint64_t in_memory = log.bench.log.history().first_seq();
  log.journal.unreadable = true;
  for (const auto way : {kForward, kBackward}) {
    CHECK(log.seen_of({1, 40}, way).size() == 41 - in_memory);
    CHECK(log.missed == in_memory - 1);
    CHECK(log.unreadable);
  }
  PastCache none(nullptr);
  for (const auto way : {kForward, kBackward}) {
    LogWalk walk(log.bench.log, none, {1, 40}, way,
                 [](const Block&, std::size_t, std::uint64_t&) { return true; }, [] {});
    std::uint64_t work = 0;
    CHECK(walk.step(1000, &work) == LogWalk::State::ended);
    CHECK(walk.missed() == in_memory - 1);
    CHECK_FALSE(walk.unreadable());
    LogWalk part(log.bench.log, none, {3, 7}, way,
                 [](const Block&, std::size_t, std::uint64_t&) { return true; }, [] {});
    CHECK(part.step(1000, &work) == LogWalk::State::ended);
    CHECK(part.missed() == 5);
  }
}

TEST_CASE("log walk: one that is cancelled while it waits is called no more") {
  WalkedLog log(40);
  auto walk = log.walk({1, 40}, kForward);
  std::uint64_t work = 0;
  CHECK(walk->step(100, &work) == LogWalk::State::waiting);
  walk.reset();
  log.journal.answer();
  CHECK(log.ready == 0);
}
