// Where the bounds of stream/ lie, to the event and to the byte.

#include <doctest/doctest.h>

#include <numeric>

#include "fake_journal.h"
#include "fixture.h"

using namespace bridge;

namespace {

struct BoundedClient {
  explicit BoundedClient(Bench& bench) : feed(bench.log, bench.cohorts, bench.clock, [] {}) {}
  Feed feed;
};

Since since_seq(std::uint64_t seq) {
  Since since;
  since.epoch = "epoch1";
  since.seq = seq;
  return since;
}

std::string padded(std::size_t bytes) { return R"({"a":")" + std::string(bytes, 'x') + "\"}"; }

// An event in a block of its own.
void event_in_block(Bench& bench, std::size_t payload, const std::string& type = "t") {
  bench.take(R"({"type":")" + type + R"(","data":)" + padded(payload) + "}");
  bench.log.seal();
}

bool parses(const std::string& params) {
  FakeClock clock;
  return ReplayRequest::parse(parse_json(params), clock).ok();
}

}  // namespace

TEST_CASE("feed: one event that is gone is a gap of one, and where none is gone there is no gap") {
  Bench bench({10, 1 << 30});
  for (int i = 0; i < 100; ++i) bench.event();
  const std::uint64_t oldest = bench.log.history().first_seq();
  BoundedClient client(bench);
  const auto outcome = client.feed.subscribe(subscription("{}"), since_seq(oldest - 2));
  CHECK(outcome.recovered == false);
  const std::string gone = std::to_string(oldest - 1);
  CHECK(outcome.gap.find(R"("from_seq":)" + gone + R"(,"to_seq":)" + gone) != std::string::npos);
  BoundedClient other(bench);
  const auto whole = other.feed.subscribe(subscription("{}"), since_seq(oldest - 1));
  CHECK(whole.recovered == true);
  CHECK(whole.gap.empty());
}

TEST_CASE("feed: nothing is unread before anything is written") {
  Bench bench;
  const Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
  CHECK(feed.unread_bytes() == 0);
}

TEST_CASE("feed: replies that are never read are bounded in bytes") {
  const auto said = [](std::size_t frame_bytes) {
    Bench bench;
    BoundedClient client(bench);
    const auto frame = std::make_shared<const std::string>(frame_bytes, 'x');
    int n = 0;
    while (n < 1000 && client.feed.say_frames(frame)) ++n;
    return n;
  };
  CHECK(said(kQueuedMessageBytesMax / 16) == 17);
  CHECK(said(kQueuedMessageBytesMax / 16 + 1) == 16);
}

TEST_CASE("feed: the last n are n, wherever in a block they begin") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.take(R"({"type":"t","data":{}})");
  bench.log.seal();
  Since last;
  last.kind = Since::Kind::last;
  for (last.last = 0; last.last <= 10; ++last.last) {
    BoundedClient client(bench);
    CHECK(client.feed.subscribe(subscription("{}"), last).recovered == true);
    CHECK(seqs(payloads(client.feed.pull(1 << 20))).size() == last.last);
  }
}

TEST_CASE("feed: one live event is one") {
  Bench bench;
  BoundedClient client(bench);
  CHECK_FALSE(client.feed.deflate());
  client.feed.subscribe(subscription("{}"), std::nullopt);
  bench.event();
  const Outgoing out = client.feed.pull(1 << 20);
  CHECK(out.live_events == 1);
  CHECK(out.live_since_us == bench.clock.wall_us());
}

TEST_CASE("feed: who fell behind goes on with the newest megabyte, or with one larger block") {
  Bench bench({1000, 1u << 30});
  BoundedClient client(bench);
  client.feed.subscribe(subscription("{}"), std::nullopt);
  CHECK(client.feed.pull(1 << 20).empty());
  for (int i = 0; i < 2000; ++i) event_in_block(bench, 20'000);
  std::size_t bytes = 0;
  for (Outgoing out; !(out = client.feed.pull(1 << 24)).empty();) bytes += out.bytes;
  CHECK(bytes <= (1 << 20) + 1000);
  CHECK(bytes > (1 << 20) - 21'000);
}

TEST_CASE("feed: buffers below 4 KiB are written as one, others as they are") {
  const auto buffers = [](std::size_t frame_bytes, int count) {
    Bench bench;
    event_in_block(bench, 1000);
    const std::size_t around = bench.log.history().blocks().back()->frames().size() - 1000;
    for (int i = 0; i < count; ++i) event_in_block(bench, frame_bytes - around);
    REQUIRE(bench.log.history().blocks().back()->frames().size() == frame_bytes);
    BoundedClient client(bench);
    client.feed.subscribe(subscription("{}"), since_seq(1));
    return client.feed.pull(1 << 20).buffers.size();
  };
  CHECK(buffers(4095, 2) == 1);
  CHECK(buffers(4096, 2) == 2);
  CHECK(buffers(4095, 1) == 1);
}

TEST_CASE("cohort: what was filtered for one is there for others, for so many blocks and bytes") {
  const auto first_is_shared = [](int blocks, std::size_t payload) {
    Bench bench;
    for (int i = 0; i < blocks; ++i) {
      bench.take(R"({"type":"y","data":)" + padded(20'000) + "}");
      event_in_block(bench, payload, "x");
    }
    BoundedClient a(bench), b(bench);
    const Subscription wanted = subscription(R"({"subscriptions":["x"]})");
    b.feed.subscribe(wanted, since_seq(bench.log.head()));
    REQUIRE(b.feed.pull(1).empty());
    a.feed.subscribe(wanted, since_seq(0));
    const auto first = a.feed.pull(1).buffers.at(0);
    for (int i = 1; i < blocks; ++i) REQUIRE_FALSE(a.feed.pull(1).empty());  // and no more: who waits is not behind
    b.feed.subscribe(wanted, since_seq(0));
    return b.feed.pull(1).buffers.at(0) == first;
  };
  CHECK(first_is_shared(32, 5000));
  CHECK_FALSE(first_is_shared(33, 5000));
  CHECK(first_is_shared(10, 100'000));
  CHECK_FALSE(first_is_shared(11, 100'000));
}

TEST_CASE("cohorts: while somebody reads from the journal passes are a millisecond apart") {
  FakeClock clock;
  FakeJournal journal;
  Snapshot snapshot{1000, 1 << 20};
  EventLog log("e", {10, 1 << 20});
  log.add_on_seal([&](const BlockPtr& block) { journal.blocks.push_back(block); });
  EnvelopeParser parser(1 << 16);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(parser.parse(R"({"type":"t","data":{}})") == Reject::none);
    log.append(parser.envelope(), 0);
    log.seal();
  }
  Cohorts cohorts(log, snapshot, clock, &journal);
  Feed feed(log, cohorts, clock, [] {});
  Since first = since_seq(1);
  first.epoch = "e";
  feed.subscribe(subscription("{}"), first);
  CHECK(feed.pull(1000).empty());
  journal.answer();
  CHECK_FALSE(feed.pull(1).empty());
  clock.advance_us(1'000'000);
  CHECK(cohorts.announce_or_wait() == 0);
  CHECK(cohorts.announce_or_wait() == 1000);
  clock.advance_us(999);
  CHECK(cohorts.announce_or_wait() == 1);
  clock.advance_us(1);
  CHECK(cohorts.announce_or_wait() == 0);
  // Nobody has read for five milliseconds.
  clock.advance_us(4000);
  CHECK(cohorts.announce_or_wait() == 0);
  CHECK(cohorts.announce_or_wait() == 0);
}

TEST_CASE("snapshot: bytes are bounded as well as entries, and one entry always stays") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.event("t" + std::to_string(i), padded(1000));
  Snapshot small(1000, 5000);
  catch_up(small, bench.log);
  CHECK(small.bytes() <= 5000);
  CHECK(small.bytes() > 3000);
  CHECK(small.evicted() == 10 - small.entries().size());
  CHECK(small.entries().rbegin()->first == 10);
  Snapshot tiny(1000, 100);
  catch_up(tiny, bench.log);
  CHECK(tiny.entries().size() == 1);
  // What takes the place of its former self does not count twice.
  const std::size_t bytes = small.bytes();
  bench.event("t9", padded(1000));
  catch_up(small, bench.log);
  CHECK(small.bytes() == bytes);
}

TEST_CASE("frames: an array is no longer than a block, unless one event is") {
  Bench bench;
  for (int i = 0; i < 60; ++i) bench.event("t" + std::to_string(i), padded(10'000));
  catch_up(bench.snapshot, bench.log);
  std::uint64_t work = 0;
  const Frames frames = bench.snapshot
                            .frames(subscription(R"({"batch":true})"), 0, bench.log.head(),
                                    100 * kStepWork, &work)
                            .frames;
  const auto arrays = payloads(std::string_view(*frames.bytes));
  REQUIRE(arrays.size() == 3);
  for (const auto& array : arrays) CHECK(array.size() <= kBlockBytesMax);
  CHECK(arrays[0].size() > kBlockBytesMax - 11'000);
  bench.event("large", padded(kBlockBytesMax));
  bench.event("small", padded(10));
  catch_up(bench.snapshot, bench.log);
  work = 0;
  const Frames more = bench.snapshot.frames(subscription(R"({"batch":true})"), 0, bench.log.head(), 100 * kStepWork, &work).frames;
  const auto with_large = payloads(std::string_view(*more.bytes));
  REQUIRE(with_large.size() == 5);
  CHECK(with_large[3].size() > kBlockBytesMax);
  CHECK(with_large[3].find("\"small\"") == std::string::npos);
}

TEST_CASE("replay: numbers at the ends of their ranges") {
  CHECK(parses(R"({"speed":1000000})"));
  CHECK_FALSE(parses(R"({"speed":1000000.1})"));
  CHECK(parses(R"({"speed":0.001})"));
  CHECK_FALSE(parses(R"({"speed":0.00099})"));
  CHECK(parses(R"({"speed":0})"));
  CHECK_FALSE(parses(R"({"speed":-0.001})"));
  CHECK(parses(R"({"from":{"timestamp":100000000000}})"));
  CHECK_FALSE(parses(R"({"from":{"timestamp":100000000001}})"));
  CHECK(parses(R"({"from":{"seconds":0}})"));
  CHECK_FALSE(parses(R"({"from":{"seconds":-1}})"));
  FakeClock clock;
  const auto from = [&](const char* params) {
    return ReplayRequest::parse(parse_json(params), clock).value().from;
  };
  CHECK(from(R"({"from":999999999})").seq == 999'999'999);
  CHECK(from(R"({"from":1000000000})").time_us == 1'000'000'000'000'000);
  CHECK(from(R"({"from":100000000001})").seq == 100'000'000'001);
}

TEST_CASE("replay: one that ends at a time ends in the turn of its last event") {
  Bench bench;
  BoundedClient client(bench);
  bench.event();
  const std::string soon = std::to_string(bench.clock.wall_us() / 1'000'000 + 1);
  bench.clock.advance_us(5'000'000);
  bench.event();
  REQUIRE(bench.replays.start(&client.feed, parse_json(R"({"speed":0,"to":)" + soon + "}"), nullptr, [] {}).ok());
  bench.replays.tick();
  const auto got = payloads(client.feed.pull(1 << 20));
  REQUIRE(got.size() == 2);
  CHECK(got[1].find("replay_end") != std::string::npos);
}
