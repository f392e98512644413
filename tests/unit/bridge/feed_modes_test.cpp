// What a client may ask for besides every event: snapshots, the latest only, and how to fall behind.
#include <doctest/doctest.h>

#include "fixture.h"

using namespace bridge;

namespace {

struct Watcher {
  explicit Watcher(Bench& b) : bench(b), feed(b.log, b.cohorts, b.clock, [this] { ++told; }) {}
  void subscribe(const std::string& request, const StreamOptions& options = {},
                 std::optional<Since> since = std::nullopt) {
    outcome = feed.subscribe(subscription(request), since, options);
    REQUIRE(feed.say(R"({"status":"subscribed"})"));
    feed.give(outcome.snapshot_to);
  }
  // All there is, as a client that reads gets it: it then waits.
  std::vector<std::uint64_t> pull() {
    std::vector<std::uint64_t> all;
    for (Outgoing out = feed.pull(1 << 20); !out.empty(); out = feed.pull(1 << 20)) {
      for (const std::uint64_t seq : seqs(payloads(out))) all.push_back(seq);
    }
    return all;
  }

  Bench& bench;
  int told = 0;
  Feed feed;
  SubscribeOutcome outcome;
};

using Seqs = std::vector<std::uint64_t>;

void price(Bench& bench, const std::string& item, int value = 0) {
  bench.event("price", R"({"item":")" + item + R"(","price":)" + std::to_string(value) + "}");
}

const std::string kTenHz = R"({"deliver":{"mode":"latest","max_rate_hz":10}})";

}  // namespace

TEST_CASE("modes: a snapshot is the latest of each thing that passes, then all, each once") {
  Bench bench;
  price(bench, "a");
  price(bench, "b");
  bench.event("trade", R"({"item":"a"})");
  price(bench, "a");
  Watcher some(bench);
  some.subscribe(R"({"subscriptions":["price"]})", {true, OnLag::read_back});
  CHECK(some.pull() == Seqs{2, 4});
  Watcher filtered(bench);
  filtered.subscribe(R"({"filter":{"item":"a"}})", {true, OnLag::read_back});
  CHECK(filtered.pull() == Seqs{3, 4});
  price(bench, "a");
  CHECK(some.pull() == Seqs{5});
  CHECK(filtered.pull() == Seqs{5});
}

TEST_CASE("modes: a snapshot with a start in the past is as of that place") {
  Bench bench;
  price(bench, "a");
  price(bench, "b");
  price(bench, "a");
  Since since;
  since.epoch = "epoch1";
  since.seq = 2;
  Watcher watcher(bench);
  watcher.subscribe("{}", {true, OnLag::read_back}, since);
  // a's latest comes with what follows.
  CHECK(watcher.pull() == Seqs{2, 3});
}

TEST_CASE("modes: a snapshot as a batch is one array") {
  Bench bench;
  price(bench, "a");
  price(bench, "b");
  Watcher watcher(bench);
  watcher.subscribe(R"({"batch":true})", {true, OnLag::read_back});
  const auto all = payloads(watcher.feed.pull(1 << 20));
  REQUIRE(all.size() == 2);
  CHECK(parse_json(all[1]).Size() == 2);
}

TEST_CASE("modes: a snapshot that waits to be read takes no memory, and what changes meanwhile comes once") {
  Bench bench;
  price(bench, "a");
  price(bench, "b");
  Watcher watcher(bench);
  watcher.subscribe("{}", {true, OnLag::read_back});
  CHECK(watcher.feed.unread_bytes() < 100);  // the reply
  price(bench, "a");
  Watcher behind(bench);
  behind.subscribe("{}", {true, OnLag::read_back});
  CHECK(watcher.pull() == Seqs{2, 3});
  CHECK(behind.pull() == Seqs{2, 3});
  CHECK(bench.cohorts.unread().bytes() == 0);
}

TEST_CASE("modes: the latest of each thing comes at once, and then at most so often") {
  Bench bench;
  Watcher watcher(bench);
  watcher.subscribe(kTenHz);
  CHECK(watcher.pull().empty());
  price(bench, "a");
  CHECK(watcher.told == 1);
  CHECK(watcher.pull() == Seqs{1});
  CHECK(watcher.pull().empty());
  for (int i = 0; i < 50; ++i) price(bench, i % 2 == 0 ? "a" : "b");
  bench.cohorts.tick();
  CHECK(watcher.told == 1);
  bench.clock.advance_us(99'999);
  bench.cohorts.tick();
  CHECK(watcher.told == 1);
  bench.clock.advance_us(1);
  bench.cohorts.tick();
  CHECK(watcher.told == 2);
  CHECK(watcher.pull() == Seqs{50, 51});
  CHECK(watcher.pull().empty());
}

TEST_CASE("modes: one that missed editions gets the latest of all of them, the others are not held up") {
  Bench bench;
  Watcher quick(bench);
  Watcher slow(bench);
  quick.subscribe(kTenHz);
  slow.subscribe(kTenHz);
  CHECK(quick.pull().empty());
  CHECK(slow.pull().empty());
  for (int i = 0; i < 5; ++i) {
    price(bench, "a");
    price(bench, "only " + std::to_string(i));
    bench.clock.advance_us(100'000);
    bench.cohorts.tick();
    CHECK(quick.pull().size() >= 1);
  }
  CHECK(slow.pull() == Seqs{2, 4, 6, 8, 9, 10});
  // It is in step again.
  price(bench, "a");
  bench.clock.advance_us(100'000);
  bench.cohorts.tick();
  CHECK(slow.pull() == Seqs{11});
}

TEST_CASE("modes: who joins between two editions gets what is newer than its reply, and no less") {
  Bench bench;
  Watcher first(bench);
  first.subscribe(kTenHz);
  CHECK(first.pull().empty());
  price(bench, "a");
  CHECK(first.pull() == Seqs{1});
  CHECK(first.pull().empty());
  price(bench, "b");
  Watcher second(bench);
  second.subscribe(kTenHz);
  CHECK(second.pull().empty());
  price(bench, "c");
  bench.clock.advance_us(100'000);
  bench.cohorts.tick();
  CHECK(first.pull() == Seqs{2, 3});
  CHECK(second.pull() == Seqs{3});
}

TEST_CASE("modes: a change from the latest to all loses nothing in between") {
  Bench bench;
  Watcher watcher(bench);
  watcher.subscribe(kTenHz);
  CHECK(watcher.pull().empty());
  price(bench, "a");
  CHECK(watcher.pull() == Seqs{1});
  price(bench, "a");
  price(bench, "a");
  watcher.subscribe("{}");
  price(bench, "a");
  price(bench, "a");
  CHECK(watcher.pull() == Seqs{3, 4, 5});
}

TEST_CASE("modes: a bridge that stops gives the latest at once") {
  Bench bench;
  Watcher watcher(bench);
  watcher.subscribe(kTenHz);
  CHECK(watcher.pull().empty());
  price(bench, "a");
  CHECK(watcher.pull() == Seqs{1});
  price(bench, "a");
  CHECK(watcher.pull().empty());
  bench.cohorts.hurry();
  CHECK(watcher.pull() == Seqs{2});
  price(bench, "a");
  CHECK(watcher.pull() == Seqs{3});
}

TEST_CASE("modes: a client falls behind as it asked to") {
  Bench bench({10, 1 << 20});
  Watcher gap(bench);
  Watcher latest(bench);
  Watcher close(bench);
  gap.subscribe("{}", {false, OnLag::gap});
  latest.subscribe("{}", {false, OnLag::latest});
  close.subscribe("{}", {false, OnLag::close});
  for (Watcher* watcher : {&gap, &latest, &close}) CHECK(watcher->pull().empty());
  price(bench, "once");
  for (int i = 0; i < 100; ++i) price(bench, "a", i);
  const auto with_gap = payloads(gap.feed.pull(1 << 20));
  REQUIRE(with_gap.size() > 1);
  CHECK(parse_json(with_gap[0])["data"]["reason"] == "slow_client");
  CHECK(seqs(with_gap).back() == 101);
  CHECK(gap.feed.gaps() == 1);
  CHECK(latest.pull() == Seqs{1, 101});
  CHECK(latest.feed.gaps() == 0);
  price(bench, "a");
  CHECK(latest.pull() == Seqs{102});
  CHECK(close.feed.pull(1 << 20).give_up);
}

TEST_CASE("modes: one that fell behind before it asked for something else gets the latest up to there, and of the rest what it asked for") {
  Bench bench({10, 1 << 20});
  Watcher watcher(bench);
  watcher.subscribe(R"({"subscriptions":["price"]})", {false, OnLag::latest});
  CHECK(watcher.pull().empty());
  price(bench, "once");
  for (int i = 0; i < 100; ++i) price(bench, "a", i);
  watcher.subscribe(R"({"subscriptions":["trade"]})", {false, OnLag::latest});
  bench.event("trade", R"({"item":"a"})");
  for (int i = 0; i < 100; ++i) price(bench, "a", i);
  CHECK(watcher.pull() == Seqs{1, 102});
  CHECK(watcher.feed.gaps() == 0);
}

TEST_CASE("modes: clients that ask in the same words hold one subscription, in other words each its own") {
  Bench bench;
  const auto ask = [&bench](Watcher& watcher, const char* request) {
    watcher.subscribe(request);
    (void)watcher.pull();
    return &watcher.feed.subscription();
  };
  Watcher one(bench), same(bench), other(bench);
  const auto* const held = ask(one, R"({"subscriptions":["price","trade"]})");
  CHECK(ask(same, R"({"subscriptions":["price","trade"]})") == held);
  CHECK(ask(other, R"({"subscriptions":["trade","price"]})") != held);
  CHECK(other.feed.subscription().patterns().front() == "trade");
  CHECK(ask(same, R"({"subscriptions":["trade"]})") != held);
  CHECK(one.feed.subscription().patterns().size() == 2);
}
