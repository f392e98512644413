// Where a feed starts, in memory or behind it, and where it stands.

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fake_journal.h"
#include "fixture.h"

using namespace bridge;

namespace {

using Seqs = std::vector<std::uint64_t>;

// A log whose older part is in a journal, an event a second; the first twenty are of a type each.
struct Journaled {
  explicit Journaled(std::uint64_t events_max, int events)
      : log("e", {events_max, 1 << 24}, [this](const Block& block) { snapshot.fold(block); }) {
    log.add_on_seal([this](const BlockPtr& block) { journal.blocks.push_back(block); });
    EnvelopeParser parser(1 << 16);
    for (int i = 0; i < events; ++i) {
      const std::string body = R"({"type":"t)" + (i < 20 ? std::to_string(i) : "") + R"(","data":{}})";
      REQUIRE(parser.parse(body) == Reject::none);
      clock.advance_us(1'000'000);
      log.append(parser.envelope(), clock.wall_us());
      log.seal();
    }
  }
  // How a client that asks for this start is answered, and what it gets.
  SubscribeOutcome outcome_of(const Since& since) {
    SubscribeOutcome got;
    Feed feed(log, cohorts, clock, [] {});
    REQUIRE(feed.must_look_up(subscription("{}"), since));
    REQUIRE(feed.subscribe_later(subscription("{}"), since, {}, [&got](const SubscribeOutcome& outcome) {
      got = outcome;
      return std::string("{}");
    }));
    journal.answer();
    return got;
  }
  FakeClock clock;
  FakeJournal journal;
  Snapshot snapshot{1000, 1 << 20};
  EventLog log;
  Cohorts cohorts{log, snapshot, clock, &journal};
};

Since last_seconds(double seconds) {
  Since since;
  since.kind = Since::Kind::seconds;
  since.seconds = seconds;
  return since;
}

Since last_events(std::uint64_t n) {
  Since since;
  since.kind = Since::Kind::last;
  since.last = n;
  return since;
}

}  // namespace

TEST_CASE("feed: a start that is looked up with a snapshot has it right behind its answer") {
  Journaled world(10, 100);
  Feed feed(world.log, world.cohorts, world.clock, [] {});
  StreamOptions options;
  options.snapshot = true;
  REQUIRE(feed.subscribe_later(subscription("{}"), last_events(50), options,
                               [](const SubscribeOutcome&) { return std::string(R"({"answer":1})"); }));
  CHECK(feed.say(R"({"answer":2})"));
  CHECK(feed.say(R"({"answer":3})"));
  CHECK(feed.pull(1 << 20).empty());
  world.journal.answer();
  const auto got = payloads(feed.pull(1 << 20));
  REQUIRE(got.size() > 22);
  CHECK(got[0] == R"({"answer":1})");
  CHECK(seq_of(got[1]) == 1);
  CHECK(seq_of(got[20]) == 20);
  CHECK(got[21] == R"({"answer":2})");
  CHECK(got[22] == R"({"answer":3})");
}

TEST_CASE("feed: what memory has enough of is not looked up, and what it has not is") {
  Journaled world(10, 100);
  Feed feed(world.log, world.cohorts, world.clock, [] {});
  const std::uint64_t held = 101 - world.log.history().first_seq();
  CHECK_FALSE(feed.must_look_up(subscription("{}"), last_events(held)));
  CHECK(feed.must_look_up(subscription("{}"), last_events(held + 1)));
  CHECK_FALSE(feed.must_look_up(subscription("{}"), last_events(0)));
  CHECK_FALSE(feed.must_look_up(subscription("{}"), last_seconds(static_cast<double>(held) - 1.5)));
  CHECK(feed.must_look_up(subscription("{}"), last_seconds(static_cast<double>(held))));
  Bench large;  // where all pass nothing is looked at, however many they are
  for (int i = 0; i < 5000; ++i) large.take(R"({"type":"t","data":{}})");
  Feed other(large.log, large.cohorts, large.clock, [] {});
  CHECK_FALSE(other.must_look_up(subscription("{}"), last_events(4000)));
  world.journal.blocks.clear();  // a journal that has nothing
  CHECK_FALSE(feed.must_look_up(subscription("{}"), last_events(held + 1)));
}

TEST_CASE("feed: a time before all that the journal has kept is not recovered, one behind its first is") {
  Journaled world(10, 100);
  world.journal.blocks.erase(world.journal.blocks.begin(), world.journal.blocks.begin() + 20);
  const auto all = world.outcome_of(last_seconds(1000));
  CHECK_FALSE(all.recovered.value());
  CHECK(all.gap.find(R"("from_seq":1,"to_seq":20)") != std::string::npos);
  CHECK(world.outcome_of(last_seconds(50.5)).recovered.value());  // from 50 on
  CHECK(world.outcome_of(last_seconds(50.5)).gap.empty());
  CHECK(world.outcome_of(last_seconds(78.5)).recovered.value());  // from 22 on: its second
}

TEST_CASE("feed: what the journal lets go of while it looks is not recovered, were it one event") {
  for (const bool goes : {false, true}) {
    Journaled world(10, 100);
    if (goes) world.journal.meanwhile = [&world] { world.journal.blocks.erase(world.journal.blocks.begin(), world.journal.blocks.begin() + 51); };
    const auto outcome = world.outcome_of(last_events(50));
    CHECK(outcome.recovered.value() == !goes);
    CHECK((outcome.gap.find(R"("from_seq":51,"to_seq":51)") != std::string::npos) == goes);
  }
}

TEST_CASE("feed: the last n are recovered where memory has so many, whatever is gone before them") {
  Bench bench({10, 1 << 30});
  for (int i = 0; i < 100; ++i) bench.event();
  for (const std::uint64_t n : {3u, 50u}) {
    Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
    const auto outcome = feed.subscribe(subscription("{}"), last_events(n));
    CHECK(outcome.recovered.value() == (n == 3));
    CHECK(outcome.gap.empty() == (n == 3));
  }
}

TEST_CASE("feed: a time that memory goes back to is recovered, whatever is gone before it, and one before is not") {
  Bench bench({10, 1 << 30});
  for (int i = 0; i < 100; ++i) {
    bench.clock.advance_us(1'000'000);
    bench.event();
  }
  bench.log.seal();
  const auto held = static_cast<double>(101 - bench.log.history().first_seq());
  for (const bool before : {false, true}) {  // the first that is held is older than what is asked for, or not
    Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
    const auto outcome = feed.subscribe(subscription("{}"), last_seconds(held - (before ? 0.5 : 1.5)));
    CHECK(outcome.recovered.value() == !before);
    CHECK(outcome.gap.empty() == !before);
  }
}

TEST_CASE("feed: where its client comes back to is known once it has all, and goes on with what does not pass") {
  Bench bench;
  Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
  feed.subscribe(subscription(R"({"subscriptions":["x"]})"), std::nullopt);
  CHECK_FALSE(feed.position());
  CHECK(feed.pull(1 << 20).empty());
  CHECK(feed.position() == 0);
  bench.event("y");
  bench.event("y");
  CHECK(feed.position() == 2);
  bench.event("x");
  CHECK_FALSE(feed.position());
  CHECK(feed.pull(1 << 20).events == 1);
  CHECK_FALSE(feed.position());
  CHECK(feed.pull(1 << 20).empty());
  CHECK(feed.position() == 3);
}

TEST_CASE("feed: an event that is exactly as old as was asked for comes, and the one before it does not") {
  Bench bench;
  bench.event("a");
  bench.clock.advance_us(1);
  bench.event("b");
  bench.clock.advance_us(2'000'000);
  Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
  feed.subscribe(subscription("{}"), last_seconds(2));
  CHECK(seqs(payloads(feed.pull(1 << 20))) == Seqs{2});
}

TEST_CASE("feed: what memory has is looked for there alone, however long that takes") {
  Journaled world(12'000, 16'000);
  const std::uint64_t held = 16'001 - world.log.history().first_seq();
  REQUIRE(held > 10'000);
  const Subscription wanted = subscription(R"({"subscriptions":["t"]})");
  for (const std::uint64_t count : {std::uint64_t{9'000}, held}) {
    Feed feed(world.log, world.cohorts, world.clock, [] {});
    std::optional<bool> recovered;
    REQUIRE(feed.subscribe_later(wanted, last_events(count), {}, [&recovered](const SubscribeOutcome& outcome) {
      recovered = outcome.recovered;
      return std::string("{}");
    }));
    CHECK(world.journal.waiting.empty());
    CHECK(recovered == true);
  }
}

TEST_CASE("feed: the last event of a journal that ends before memory begins comes, and what is between is a gap") {
  Journaled world(10, 100);
  const std::uint64_t first = world.log.history().first_seq();
  const auto get = [&world](std::uint64_t after) {
    Feed feed(world.log, world.cohorts, world.clock, [] {});
    Since since;
    since.epoch = "e";
    since.seq = after;
    (void)feed.subscribe(subscription("{}"), since);
    Seqs got;
    for (int idle = 0; idle < 3; ++idle) {
      for (const std::uint64_t seq : seqs(payloads(feed.pull(1 << 20)))) got.push_back(seq);
      world.journal.answer();
    }
    return got;
  };
  world.journal.blocks.resize(50);
  const Seqs got = get(49);
  REQUIRE(got.size() == 1 + 101 - first);
  CHECK(got[0] == 50);
  CHECK(got[1] == first);
}

TEST_CASE("feed: a journal that ends where memory begins has all that is needed") {
  Journaled world(10, 100);
  world.journal.blocks.resize(static_cast<std::size_t>(world.log.history().first_seq()) - 1);
  Feed feed(world.log, world.cohorts, world.clock, [] {});
  Since since;
  since.epoch = "e";
  since.seq = 20;
  CHECK(feed.subscribe(subscription("{}"), since).recovered == true);
}
