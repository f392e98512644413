// The log, its sources and its readers, to the event and the byte.

#include <doctest/doctest.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/limits.h"
#include "fake_journal.h"
#include "fixture.h"
#include "log/past_cache.h"

using namespace bridge;

namespace {

std::string announced(const std::string& source, const std::string& run, const std::string& data = "") {
  return R"({"type":"_source","source":")" + source + R"(","run":")" + run + R"(","data":{)" + data + "}}";
}

// A journal of blocks of one event each, as the log had them.
std::vector<BlockPtr> lone_blocks(int events) {
  std::vector<BlockPtr> blocks;
  EventLog log("e", {1, 1});
  log.add_on_seal([&blocks](const BlockPtr& block) { blocks.push_back(block); });
  Envelope event;
  event.type = "t";
  event.data = "{}";
  for (int i = 0; i < events; ++i) log.append(event, 0);
  log.seal();
  return blocks;
}

// Fifty events, an event a block, of which memory has the newest ten and a journal all.
struct Spilled {
  Spilled() {
    log.add_on_seal([this](const BlockPtr& block) { journal.blocks.push_back(block); });
    Envelope event;
    event.type = "t";
    event.data = "{}";
    for (int i = 0; i < 50; ++i) {
      log.append(event, clock.wall_us());
      log.seal();
    }
  }
  FakeClock clock;
  Snapshot snapshot{100, 1 << 20};
  FakeJournal journal;
  EventLog log{"e", {10, 1 << 20}, [this](const Block& block) { snapshot.fold(block); }};
  Cohorts cohorts{log, snapshot, clock, &journal};
};

struct Waiting final : PastCache::Waiter {
  void on_past() override {}
};

}  // namespace

TEST_CASE("details: an epoch of a clock's step is named after the one before and its first event, and so many are known") {
  EventLog log("e", {100, 1 << 20});
  Envelope event;
  event.type = "t";
  event.data = "{}";
  std::int64_t now = 4'000'000'000'000'000;
  log.append(event, now);
  log.append(event, now -= 3'600'000'000);
  CHECK(log.epoch() == "e-2");
  for (std::size_t i = 0; i < kEpochsMax + 5; ++i) log.append(event, now -= 10'000'000);
  CHECK(log.epochs().size() == kEpochsMax);
}

TEST_CASE("details: a journal of one event is read, forward and back") {
  FakeJournal journal;
  journal.blocks = lone_blocks(1);
  PastCache past(&journal);
  Waiting waiter;
  CHECK(past.look(1, 1, &waiter).pending);
  journal.answer();
  CHECK(past.look(1, 1, &waiter).block);
  past.forget(&waiter);
}

TEST_CASE("details: who reads back leaves half of the reads to those who wait") {
  for (const std::size_t under_way : {3u, 4u}) {
    CAPTURE(under_way);
    FakeJournal journal;
    journal.blocks = lone_blocks(100);
    PastCache past(&journal);
    Waiting waiter;
    past.look_back(50, 50, &waiter);
    journal.answer();
    std::vector<Waiting> others(under_way);
    for (std::size_t i = 0; i < under_way; ++i) past.look(5 * i + 1, 5 * i + 1, &others[i]);
    const int before = journal.reads;
    CHECK(past.look_back(50, 1, &waiter).block);
    CHECK(journal.reads - before == (under_way < 4 ? 1 : 0));
    journal.answer();
    past.forget(&waiter);
    for (Waiting& other : others) past.forget(&other);
  }
}

TEST_CASE("details: what a journal holds ends at its ends and at its holes") {
  PastExtent extent;
  extent.first_seq = 2;
  extent.last_seq = 20;
  CHECK(extent.holds(2, 20));
  CHECK_FALSE(extent.holds(1, 20));
  CHECK_FALSE(extent.holds(2, 21));
  extent.holes = std::make_shared<std::vector<SeqRange>>(std::vector<SeqRange>{{5, 7}, {10, 10}});
  CHECK(extent.holds(2, 4));
  CHECK_FALSE(extent.holds(2, 5));
  CHECK_FALSE(extent.holds(7, 8));
  CHECK(extent.holds(8, 9));
  CHECK_FALSE(extent.holds(8, 10));
  CHECK_FALSE(extent.holds(6, 6));
  CHECK(extent.holds(11, 20));
}

TEST_CASE("details: a message is taken in until it has cost what it may, to the byte") {
  Bench bench;
  const std::string bodies = R"({"type":"a","data":{}})" "\n" R"({"type":"b","data":{}})";
  const auto first = [&](std::size_t cost_max) {
    IntakeBatch batch(bodies, nullptr);
    bench.intake.begin_turn();
    const std::size_t cost = bench.intake.take_some(batch, cost_max);
    CHECK_FALSE(batch.ended);
    return cost;
  };
  const std::size_t cost = first(1);
  CHECK(first(cost) == cost);
}

TEST_CASE("details: an event over several lines may be as large as any other") {
  for (const std::size_t more : {0u, 1u}) {
    Bench bench;
    std::string body = "{\n\"type\":\"t\",\"data\":{\"a\":\"\"}}";
    body.insert(body.size() - 3, (std::size_t{1} << 20) - body.size() + more, 'x');
    bench.take(body);
    CHECK(bench.log.last_seq() == (more == 0 ? 1 : 0));
  }
}

TEST_CASE("details: who goes while the one before it is still there has not ended with its connection") {
  Bench bench;
  bench.hello("c1", announced("s", "r1", R"("head":0,"oldest":1)"));
  bench.hello("c2", announced("s", "r2", R"("head":0,"oldest":1)"));
  bench.sources.disconnected("c2");
  CHECK_FALSE(bench.sources.find("s", "r2")->ended());
  bench.hello("c3", announced("s", "r3", R"("head":0,"oldest":1)"));
  bench.sources.disconnected("c1");
  CHECK(bench.sources.find("s", "r1")->ended());
}

TEST_CASE("details: who is connected speaks for its name, whoever is only published under it") {
  Bench bench;
  bench.hello("c1", announced("s", "r1", R"("head":0,"oldest":1)"));
  bench.take(R"({"type":"t","data":{},"source":"s","run":"r2","source_seq":1})");
  CHECK(bench.sources.find("s")->current()->id == "r1");
}

TEST_CASE("details: what is known of a run is counted to the byte") {
  Bench bench;
  bench.take(announced("s", "r"));
  const std::size_t one = bench.sources.bytes();
  CHECK(one == kRunBytes);
  bench.take(announced("s", "r", R"("agents":["abc"])"));
  CHECK(bench.sources.bytes() == one + 3 + sizeof(std::string) + 32);
}

TEST_CASE("details: a name that is only asked for takes a place among those there are") {
  Bench bench;
  for (std::size_t i = 0; i < Bench::kRunsMax; ++i) {
    CHECK(bench.sources.find_or_add("s" + std::to_string(i)) != nullptr);
  }
  CHECK(bench.sources.find_or_add("one more") == nullptr);
  CHECK(bench.sources.find_or_add("s5") != nullptr);
}

TEST_CASE("details: a block is looked through in parts that meet, wherever one begins to ask") {
  Bench bench({5000, 1 << 24});
  for (int i = 0; i < 1000; ++i) bench.take(R"({"type":"t","data":{"n":1,"p":")" + std::string(300, 'x') + "\"}}");
  bench.log.seal();
  const BlockPtr block = bench.log.history().blocks().back();
  MemoryShare share;
  SharedByCohorts all{share};
  std::string keys;
  for (int i = 0; i < 32; ++i) keys += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
  Cohort cohort(std::make_shared<const Subscription>(subscription(R"({"filter":{)" + keys + "}}")), all, nullptr);
  int parts = 0;
  for (std::uint64_t from = block->first_seq(); from <= block->last_seq(); ++parts) {
    const std::uint64_t end = cohort.part_end(*block, from);
    REQUIRE(end >= from);
    CHECK(cohort.part_end(*block, end) == end);
    CHECK(cohort.part_end(*block, (from + end) / 2) == end);
    from = end + 1;
  }
  CHECK(parts > 2);
}

TEST_CASE("details: what passes whole costs nothing to look at, what is put together does") {
  Bench bench;
  for (int i = 0; i < 50; ++i) bench.take(R"({"type":"t","data":{}})");
  bench.log.seal();
  const BlockPtr block = bench.log.history().blocks().back();
  MemoryShare share;
  SharedByCohorts all{share};
  Cohort plain(std::make_shared<const Subscription>(subscription("{}")), all, nullptr);
  Cohort batched(std::make_shared<const Subscription>(subscription(R"({"batch":true})")), all, nullptr);
  CHECK(plain.work(*block, 50) == 1);
  CHECK(batched.work(*block, 50) >= 50);
  CHECK(batched.work(*block, 50) > batched.work(*block, 10));
}

TEST_CASE("details: only whole parts are kept for others") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.take(R"({"type":")" + std::string(i % 2 == 0 ? "x" : "y") + R"(","data":{}})");
  bench.log.seal();
  const BlockPtr block = bench.log.history().blocks().back();
  MemoryShare share;
  SharedByCohorts all{share};
  Cohort cohort(std::make_shared<const Subscription>(subscription(R"({"subscriptions":["x"]})")), all, nullptr);
  cohort.feeds = 2;
  CHECK(cohort.frames(block, block->first_seq() + 1, block->last_seq()).bytes);
  CHECK(cohort.frames(block, block->first_seq() + 2, block->last_seq()).bytes);
  CHECK(share.bytes() == 0);
  CHECK(cohort.frames(block, block->first_seq(), block->last_seq()).bytes);
  CHECK(share.bytes() > 0);
}

TEST_CASE("details: subscriptions are kept up to so many bytes, large ones up to half of them") {
  Bench bench;
  Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
  MemoryShare& all = bench.cohorts.subscriptions();
  std::string keys;
  for (int i = 0; i < 32; ++i) {
    keys += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + R"(":")" + std::string(150, 'x') + '"';
  }
  for (const std::string& request : {std::string("{}"), R"({"filter":{)" + keys + "}}"}) {
    const Subscription asked = subscription(request);
    const bool large = asked.bytes() > kSmallRequestBytes;
    CHECK(large == (request != "{}"));
    all.set_bound(2 * (all.bytes() + asked.bytes()) / (large ? 1 : 2));
    CHECK(feed.has_room_for(asked));
    all.set_bound(all.bytes_max() - (large ? 2 : 1));
    CHECK_FALSE(feed.has_room_for(asked));
    all.set_bound(std::numeric_limits<std::size_t>::max());
  }
}

TEST_CASE("details: a subscription is large beyond so many bytes, to the byte, and leaves half of the room") {
  Bench bench;
  Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
  const auto named = [](std::size_t type_bytes, std::size_t item_bytes) {
    return subscription(R"({"subscriptions":[")" + std::string(type_bytes, 'x') + R"("],"filter":{"item":")" + std::string(item_bytes, 'x') + "\"}}");
  };
  bench.cohorts.subscriptions().set_bound(kSmallRequestBytes + kSmallRequestBytes / 2);
  bool exact = false;
  for (std::size_t type_bytes = 1; type_bytes <= kTypeNameBytesMax && !exact; ++type_bytes) {
    std::size_t most = 0;  // that is small yet
    for (std::size_t step = kSmallRequestBytes; step > 0; step /= 2) {
      if (named(type_bytes, most + step).bytes() <= kSmallRequestBytes) most += step;
    }
    exact = named(type_bytes, most).bytes() == kSmallRequestBytes;
    CHECK(feed.has_room_for(named(type_bytes, most)));
    CHECK_FALSE(feed.has_room_for(named(type_bytes, most + 1)));
  }
  CHECK(exact);
}

TEST_CASE("details: a place whose last event before memory's is gone is not recovered") {
  for (const bool whole : {true, false}) {
    Spilled of;
    const std::uint64_t in_memory = of.log.history().first_seq();
    if (!whole) of.journal.blocks.erase(of.journal.blocks.begin() + static_cast<std::ptrdiff_t>(in_memory) - 2);
    Feed feed(of.log, of.cohorts, of.clock, [] {});
    Since since;
    since.epoch = "e";
    since.seq = in_memory - 3;
    CHECK(feed.subscribe(subscription("{}"), since).recovered == whole);
  }
}

TEST_CASE("details: while as many messages wait as may, nothing more is looked up") {
  Bench bench;
  bench.event();
  Since since;
  since.kind = Since::Kind::last;
  since.last = 1;
  for (const std::size_t room : {0u, 1u}) {
    Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
    for (std::size_t i = room; i < kQueuedMessagesMax; ++i) REQUIRE(feed.say("{}"));
    if (room == 0) CHECK_FALSE(feed.exchange(subscription("{}")));
    CHECK(feed.subscribe_later(subscription("{}"), since, {}, [](const SubscribeOutcome&) {
      return std::string("{}");
    }) == (room == 1));
  }
}

TEST_CASE("details: a replay of what is lost misses so many, and no more than it was asked for") {
  Spilled of;
  of.journal.blocks.resize(1);  // of the forty that memory let go it has one
  const auto ended = [&](const std::string& params) {
    ReplayRequest request = ReplayRequest::parse(parse_json(params), of.clock).value();
    Replay replay(1, std::move(request), of.log, of.cohorts, of.clock);
    for (int i = 0; i < 10 && !replay.ended(); ++i) {
      std::uint64_t work = 0;
      replay.look_on(1 << 20, 1 << 20, &work);
      of.journal.answer();
    }
    CHECK(replay.ended());
    rapidjson::Document out;
    out.CopyFrom(parse_json(replay.end_message("done"))["data"], out.GetAllocator());
    return out;
  };
  const auto some = ended(R"({"from":{"seq":1},"to":{"seq":7},"speed":0})");
  CHECK(some["events"].GetInt() == 1);
  CHECK(some["missing"].GetInt() == 6);
  const auto all = ended(R"({"speed":0})");  // from the first that there is
  CHECK(all["events"].GetInt() + all["missing"].GetInt() == 50);
  CHECK(all["events"].GetInt() >= 10);
}

TEST_CASE("details: a block that is folded to its first event and then on is folded whole") {
  Bench bench;
  for (int i = 0; i < 5; ++i) bench.take(R"({"type":"t)" + std::to_string(i) + R"(","data":{}})");
  bench.log.seal();
  Snapshot snapshot(100, 1 << 20);
  const BlockPtr block = bench.log.history().blocks().back();
  snapshot.fold(*block, block->first_seq());
  CHECK(snapshot.entries().size() == 1);
  snapshot.fold(*block, block->last_seq());
  std::uint64_t work = 0;
  CHECK(snapshot.frames(subscription("{}"), 0, block->last_seq(), 1 << 20, &work).frames.events == 5);
}

TEST_CASE("details: a part in the middle of a block is put together once for all who want it") {
  Bench bench({5000, 1 << 24});
  std::string keys;
  for (int i = 0; i < 32; ++i) keys += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
  for (int i = 0; i < 1000; ++i) bench.take(R"({"type":"t","data":{)" + keys + "}}");
  bench.log.seal();
  const BlockPtr block = bench.log.history().blocks().back();
  MemoryShare share;
  SharedByCohorts all{share};
  Cohort cohort(std::make_shared<const Subscription>(subscription(R"({"filter":{)" + keys + "}}")), all, nullptr);
  cohort.feeds = 2;
  const std::uint64_t second = cohort.part_end(*block, block->first_seq()) + 1;
  const std::uint64_t end = cohort.part_end(*block, second);
  REQUIRE(end < block->last_seq());
  const Frames once = cohort.frames(block, second, end);
  REQUIRE(once.bytes);
  CHECK(cohort.frames(block, second, end).bytes == once.bytes);
  CHECK(cohort.frames(block, second + 1, end).bytes != once.bytes);
}
