// Replies that are written in steps: whose turn it is, and what they may take.

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "asker.h"
#include "fake_journal.h"

using namespace bridge;

namespace {

// Commands whose replies count as memory.
struct Counting {
  explicit Counting(Bench& bench, PastCache* past = nullptr)
      : commands({bench.log, bench.snapshot, bench.sources, bench.tracker, bench.types, bench.counters, bench.clock,
                  bench.limits, 10, "0", &memory, &bench.work, past}) {}
  MemoryLedger memory;
  MemoryShare& share = memory[Queue::requests];
  OwnCommands commands;
};

}  // namespace

TEST_CASE("reply turns: those being written have no more than half of the memory, or are one; others wait and are answered") {
  Bench bench;
  thousand_things(bench);
  Counting counting(bench);
  const std::size_t alone = bench.run("get_snapshot").size();
  for (const std::size_t bound : {3 * alone, 2 * alone}) {
    counting.share.set_bound(bound);
    std::vector<std::unique_ptr<Asker>> askers;
    int answered = 0;
    std::size_t most = 0;
    for (int i = 0; i < 20; ++i) {
      askers.push_back(std::make_unique<Asker>(bench));
      counting.commands.run(i % 2 == 0 ? "get_snapshot" : "get_recent_events", parse_json(R"({"count":1000})"),
                            askers.back()->account, [&](const auto& got) {
        CHECK(got.ok());
        ++answered;
      });
      most = std::max(most, counting.share.bytes());
    }
    for (int turns = 0; bench.work_once(); ++turns) {
      REQUIRE(turns < 1000);
      most = std::max(most, counting.share.bytes());
    }
    CHECK(answered == 20);
    CHECK(most < bound + 3 * alone);  // what a search has found and its reply
    CHECK(counting.share.bytes() == 0);
    CHECK(counting.share.refused() == 0);
    CHECK(bench.work.waiting() == 0);
  }
}

namespace {

// Writes so much, then waits where it is to, then ends.
GrowingReplies::Write large(GrowingReplies::ReplyPtr* waits = nullptr) {
  return [waits, steps = 0](const auto& reply, std::uint64_t* work) mutable {
    *work += kStepWork;
    if (++steps == 1) {
      reply->json.add(std::string(100'000, 'x'));
      if (waits != nullptr) *waits = reply;
      return waits != nullptr ? GrowingReplies::State::waiting : GrowingReplies::State::more;
    }
    return GrowingReplies::State::ended;
  };
}

}  // namespace

TEST_CASE("reply turns: where one that waits for the journal has the memory, others wait, the loop rests, and all are answered") {
  Bench bench;
  MemoryShare share;
  share.set_bound(150'000);
  GrowingReplies replies(&bench.work, &share);
  Asker asker(bench), other(bench);
  GrowingReplies::ReplyPtr waits;
  std::string order;
  const auto tell = [&order](char name) { return [&order, name](const auto& got) { order += got ? name : '!'; }; };
  replies.write(asker.account, tell('a'), large(&waits));
  replies.write(asker.account, tell('b'), large());
  replies.write(other.account, tell('c'), large());
  const auto run = [&bench] {
    for (int turns = 0; bench.work_once(); ++turns) REQUIRE(turns < 100);
  };
  run();
  CHECK(order.empty());
  CHECK(share.bytes() < 300'000 + 3'000);
  replies.resume(std::exchange(waits, nullptr));
  run();
  CHECK(order.size() == 3);
  CHECK(order[0] == 'a');
  CHECK(order.find('!') == std::string::npos);
  CHECK(share.bytes() == 0);
}

TEST_CASE("reply turns: of askers who want several large ones each is answered in order, whoever has the memory") {
  Bench bench;
  MemoryShare share;
  share.set_bound(400'000);
  GrowingReplies replies(&bench.work, &share);
  Asker askers[] = {Asker(bench), Asker(bench), Asker(bench)};
  std::vector<int> told[3];
  for (int i = 0; i < 5; ++i) {
    for (int k = 0; k < 3; ++k) {
      replies.write(askers[k].account, [&told, i, k](const auto& got) { told[k].push_back(got ? i : -1); },
                    [steps = 0](const auto& reply, std::uint64_t* work) mutable {
                      *work += kStepWork;
                      if (steps == 0) reply->json.add(std::string(300'000, 'x'));
                      return ++steps < 3 ? GrowingReplies::State::more : GrowingReplies::State::ended;
                    });
    }
  }
  for (int turns = 0; bench.work_once(); ++turns) REQUIRE(turns < 1000);
  for (const auto& one : told) CHECK(one == std::vector<int>{0, 1, 2, 3, 4});
  CHECK(share.bytes() == 0);
}

TEST_CASE("reply turns: what is asked and not begun is bounded over all askers, and more is refused") {
  Bench bench;
  MemoryShare share;
  share.set_bound(80'000);
  GrowingReplies replies(&bench.work, &share);
  std::vector<std::unique_ptr<Asker>> askers;
  int refused = 0;
  for (int i = 0; i < 20; ++i) {
    askers.push_back(std::make_unique<Asker>(bench));
    replies.write(askers.back()->account, [&refused](const auto& got) { refused += !got; },
                  [](const auto&, std::uint64_t*) { return GrowingReplies::State::waiting; }, 500);
  }
  CHECK(refused == 11);  // of a tenth of the memory each has a thousand bytes
  CHECK(share.refused() == 11);
}

TEST_CASE("reply turns: one asker has so many at most, also of those that wait for others' memory") {
  Bench bench;
  MemoryShare share;
  share.set_bound(1'000'000);
  GrowingReplies replies(&bench.work, &share);
  Asker first(bench), many(bench), other(bench);
  GrowingReplies::ReplyPtr waits;
  int answered = 0;
  int refused = 0;
  const auto tell = [&](const auto& got) { got ? ++answered : ++refused; };
  replies.write(first.account, tell, [&waits, steps = 0](const auto& reply, std::uint64_t*) mutable {
    if (steps == 0) {
      reply->json.add(std::string(600'000, 'x'));
      waits = reply;
    }
    return ++steps == 1 ? GrowingReplies::State::waiting : GrowingReplies::State::ended;
  });
  for (int i = 0; i < 70; ++i) {
    replies.write(many.account, tell, large());
    while (bench.work_once()) {
    }
  }
  CHECK(refused == 70 - kWaitingWorkMax);
  replies.write(other.account, tell, large());
  CHECK(refused == 70 - kWaitingWorkMax);
  replies.resume(std::exchange(waits, nullptr));
  while (bench.work_once()) {
  }
  CHECK(answered == 2 + kWaitingWorkMax);
  CHECK(share.bytes() == 0);
}

TEST_CASE("reply turns: one that is told while its step runs that it need wait no longer goes on") {
  Bench bench;
  MemoryShare share;
  GrowingReplies replies(&bench.work, &share);
  Asker asker(bench);
  std::string told;
  replies.write(asker.account, [&told](const auto& got) { told = got.value(); },
                [&replies, steps = 0](const auto& reply, std::uint64_t* work) mutable {
                  *work += 1;
                  if (++steps == 3) {
                    reply->json.add("done");
                    return GrowingReplies::State::ended;
                  }
                  replies.resume(reply);
                  return GrowingReplies::State::waiting;
                });
  while (bench.work_once()) {
  }
  CHECK(told == "\"done\"");
  CHECK(share.bytes() == 0);
}

TEST_CASE("reply turns: who leaves in the middle, or while his waits, is owed nothing and takes nothing") {
  Bench bench;
  thousand_things(bench);
  MemoryShare share;
  GrowingReplies replies(&bench.work, &share);
  auto leaves = std::make_unique<Asker>(bench);
  Asker stays(bench);
  GrowingReplies::ReplyPtr waits;
  int told = 0;
  const auto count = [&told](const auto&) { ++told; };
  replies.write(leaves->account, count, [&waits, steps = 0](const auto& reply, std::uint64_t*) mutable {
    waits = reply;
    reply->json.raw(std::string(1000, ' '));
    return ++steps < 3 ? GrowingReplies::State::more : GrowingReplies::State::waiting;
  });
  replies.write(stays.account, count, [steps = 0](const auto& reply, std::uint64_t*) mutable {
    reply->json.raw("1");
    return ++steps < 9 ? GrowingReplies::State::more : GrowingReplies::State::ended;
  });
  while (bench.work_once()) {
  }
  CHECK(told == 1);
  CHECK(share.bytes() > 1000);
  leaves.reset();
  replies.resume(std::exchange(waits, nullptr));
  while (bench.work_once()) {
  }
  CHECK(told == 1);
  CHECK(share.bytes() == 0);
  CHECK(bench.work.waiting() == 0);
}

TEST_CASE("reply turns: those who left while theirs waited leave the places of those who wait to others") {
  Bench bench;
  GrowingReplies replies(&bench.work, nullptr);
  const auto wait = [](const auto&, std::uint64_t*) { return GrowingReplies::State::waiting; };
  int refused = 0;
  const auto count = [&refused](const auto& got) { refused += !got && got.error().type == ErrorType::busy; };
  std::vector<std::unique_ptr<Asker>> askers;
  for (int i = 0; i < 33; ++i) {
    askers.push_back(std::make_unique<Asker>(bench));
    replies.write(askers.back()->account, count, wait);
    CHECK(refused == (i < 32 ? 0 : 1));
  }
  askers.erase(askers.begin());
  for (int i = 0; i < 2; ++i) replies.write(askers.back()->account, count, wait);
  CHECK(refused == 2);
}
