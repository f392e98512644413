// What one requester's wishes may cost the others: budgets, and work in slices.

#include "base/work_queue.h"

#include <doctest/doctest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/request_budget.h"
#include "fixture.h"

using namespace bridge;

namespace {

struct Slices {
  std::shared_ptr<RequestBudget> asker() { return std::make_shared<RequestBudget>(clock, 1000); }
  // Work of so many steps; each writes `name`.
  WorkQueue::Step work(char name, int steps) {
    return [this, name, left = steps](bool* done) mutable {
      order += name;
      *done = --left == 0;
      return kStepWork;
    };
  }
  bool turn() {
    if (posted.empty()) return false;
    const auto f = std::move(posted.front());
    posted.pop_front();
    f();
    return true;
  }
  FakeClock clock;
  std::deque<std::function<void()>> posted;
  WorkQueue queue{[this](std::function<void()> f) { posted.push_back(std::move(f)); }, clock};
  std::string order;
};

}  // namespace

TEST_CASE("work: askers take turns, and one asker's work is done in order") {
  Slices s;
  const auto a = s.asker();
  const auto b = s.asker();
  REQUIRE(s.queue.add(a, s.work('a', 3)));
  REQUIRE(s.queue.add(a, s.work('x', 2)));
  REQUIRE(s.queue.add(b, s.work('b', 3)));
  CHECK(s.order == "ab");  // the first step of who has nothing waiting
  while (s.turn()) {
  }
  CHECK(s.order == "abababxx");
  CHECK(s.queue.waiting() == 0);
}

TEST_CASE("work: a turn ends after so many steps, and the loop has its own between two") {
  Slices s;
  const auto a = s.asker();
  REQUIRE(s.queue.add(a, s.work('a', 1000)));
  std::size_t turns = 0;
  for (; !s.posted.empty(); ++turns) {
    const std::size_t before = s.order.size();
    CHECK(s.posted.size() == 1);
    s.turn();
    CHECK(s.order.size() - before <= 16);
  }
  CHECK(s.order.size() == 1000);
  CHECK(turns >= 1000 / 16);
}

TEST_CASE("work: what nobody waits for any more is dropped, and too much of one asker's refused") {
  Slices s;
  auto a = s.asker();
  const auto b = s.asker();
  std::size_t taken = 0;
  while (s.queue.add(a, s.work('a', 1000))) ++taken;
  CHECK(taken == kWaitingWorkMax);
  REQUIRE(s.queue.add(b, s.work('b', 3)));
  a.reset();
  s.order.clear();
  while (s.turn()) {
  }
  CHECK(s.order == "bb");
  CHECK(s.queue.waiting() == 0);
}

TEST_CASE("budget: requests and what they cost are limited each, and time makes up for both") {
  FakeClock clock;
  RequestBudget budget(clock, 10);
  for (int i = 0; i < 20; ++i) CHECK(budget.take());
  CHECK_FALSE(budget.take());
  CHECK(budget.refusal().find("more than 10 requests a second") == 0);
  clock.advance_us(1'000'000);
  CHECK(budget.take());
  budget.charge(3 * kWorkPerSecond);  // 2 s may be saved up
  CHECK_FALSE(budget.take());
  CHECK(budget.refusal().find("too many events") != std::string::npos);
  clock.advance_us(900'000);
  CHECK_FALSE(budget.take());
  CHECK_FALSE(budget.hopeless());
  clock.advance_us(200'000);
  CHECK(budget.take());
  budget.charge(10 * kWorkPerSecond);
  for (int i = 0; i < 21; ++i) CHECK_FALSE(budget.take());
  CHECK(budget.hopeless());
}

TEST_CASE("work: a look for what never was is done in slices and charged to who asked") {
  Bench bench({1'000'000, 256u << 20});
  std::string batch;
  for (int i = 0; i < 50'000; ++i) batch += R"({"type":"t","data":{"item":"Coal","n":1}})" "\n";
  bench.take(batch);
  const auto account = std::make_shared<RequestBudget>(bench.clock, 1000);
  std::string got;
  const auto ask = [&](const char* request) {
    bench.dispatcher.execute(parse_json(request), "1", {"me", account},
                             [&](const std::string& json) { got = json; });
  };
  const char* const kNever =
      R"({"command":"get_recent_events","params":{"item":"Never was"}})";
  ask(kNever);
  int turns = 0;
  for (; got.empty() && bench.work_once(); ++turns) {
  }
  CHECK(got.find(R"("count":0,"complete":true)") != std::string::npos);
  CHECK(turns >= 50'000 / static_cast<int>(16 * kStepWork));
  int taken = 0;
  for (; account->take() && taken < 1000; ++taken) {
    got.clear();
    ask(kNever);
    while (got.empty() && bench.work_once()) {
    }
  }
  CHECK(taken <= static_cast<int>(2 * kWorkPerSecond / 50'000));

  got.clear();
  ask(R"({"command":"get_recent_events","params":{"count":1}})");  // found at once: said at once
  CHECK(got.find(R"("count":1,)") != std::string::npos);
}

TEST_CASE("work: since.last with a filter on data looks back in slices, as far as memory goes") {
  Bench bench({1'000'000, 256u << 20});
  const auto fill = [&](int n, const char* body) {
    std::string batch;
    for (int i = 0; i < n; ++i) batch += body;
    bench.take(batch);
  };
  fill(10, R"({"type":"t","data":{"n":1}})" "\n");
  fill(20'000, R"({"type":"t","data":{"n":2}})" "\n");
  Since since;
  since.kind = Since::Kind::last;
  since.last = 7;
  const Subscription ones = subscription(R"({"filter":{"n":1}})");
  const Subscription twos = subscription(R"({"filter":{"n":2}})");
  const auto account = std::make_shared<RequestBudget>(bench.clock, 1000);
  Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
  feed.charge_to(account);
  CHECK_FALSE(feed.must_look_up(twos, since));
  REQUIRE(feed.must_look_up(ones, since));
  REQUIRE(feed.subscribe_later(ones, since, {}, [](const SubscribeOutcome& outcome) {
    CHECK(outcome.recovered == true);
    CHECK(outcome.gap.empty());
    return std::string("{}");
  }));
  CHECK(feed.pull(1 << 20).empty());
  int turns = 0;
  while (bench.work_once()) ++turns;
  CHECK(turns >= 2);
  const auto got = payloads(feed.pull(1 << 20));
  CHECK(got[0] == "{}");
  CHECK(seqs(got).size() == 7);
  CHECK(seqs(got).front() == 4);

  {
    Feed gone(bench.log, bench.cohorts, bench.clock, [] {});
    gone.charge_to(std::make_shared<RequestBudget>(bench.clock, 1000));
    REQUIRE(gone.subscribe_later(ones, since, {}, [](const SubscribeOutcome&) {
      FAIL("nobody waits for it");
      return std::string();
    }));
  }
  while (bench.work_once()) {
  }
  CHECK(bench.work.waiting() == 0);
}

TEST_CASE("cohorts: what all of them keep is bounded together, and who was used longest ago lets go") {
  Bench bench({1'000'000, 256u << 20});
  std::string batch;
  const std::string padding(20'000, 'x');
  for (int i = 0; i < 20; ++i) {
    batch += R"({"type":"t","data":{"n":1,"p":")" + padding + "\"}}\n" +
             R"({"type":"u","data":{}})" "\n";
  }
  bench.take(batch);
  bench.log.seal();
  std::vector<std::unique_ptr<Feed>> feeds;
  for (int i = 0; i < 300; ++i) {
    Since since;
    since.epoch = "epoch1";
    for (int one_of_two = 0; one_of_two < 2; ++one_of_two) {  // the other is behind, so that it is kept for him
      feeds.push_back(std::make_unique<Feed>(bench.log, bench.cohorts, bench.clock, [] {}));
      feeds.back()->subscribe(subscription(R"({"filter":{"n":{"min":)" + std::to_string(-i) + "}}}"),
                              since);
      if (one_of_two == 0) CHECK(feeds.back()->pull(1).events != 0);
    }
    std::size_t events = 0;
    for (Outgoing out; !(out = feeds.back()->pull(1 << 20)).empty();) events += out.events;
    CHECK(events == 20);
    CHECK(bench.cohorts.kept_bytes() <= kKeptFramesBytesMax);
  }
  CHECK(bench.cohorts.kept_bytes() > kKeptFramesBytesMax / 2);
  feeds.clear();
  CHECK(bench.cohorts.kept_bytes() == 0);
}
