// What stream/ does at the edges: who is woken, what is kept and counted, and in which order it comes.

#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "fixture.h"

using namespace bridge;

namespace {

using Seqs = std::vector<std::uint64_t>;

std::string padded_data(std::size_t bytes) { return R"({"a":")" + std::string(bytes, 'x') + "\"}"; }

// A cohort by itself, and what it counts.
struct Alone {
  explicit Alone(const std::string& request)
      : cohort(std::make_shared<const Subscription>(subscription(request)), all, nullptr) {}
  // What passes of the block that holds `seq`.
  Frames frames(Bench& bench, std::uint64_t seq) {
    bench.log.seal();
    const BlockPtr block = bench.log.history().find(seq);
    return cohort.frames(block, block->first_seq(), block->last_seq());
  }
  MemoryShare share;
  SharedByCohorts all{share};
  Cohort cohort;
};

// Two events in a block, of which one passes where "x" is wanted.
void pair_in_block(Bench& bench, std::size_t bytes) {
  bench.take(R"({"type":"y","data":{}})");
  bench.take(R"({"type":"x","data":)" + padded_data(bytes) + "}");
  bench.log.seal();
}

const char* const kWantsX = R"({"subscriptions":["x"]})";

}  // namespace

TEST_CASE("cohort: what is filtered counts in bytes as long as it is kept, with the latest of it") {
  Bench bench;
  pair_in_block(bench, 5000);
  Alone alone(kWantsX);
  alone.cohort.feeds = 2;
  const Frames frames = alone.frames(bench, 1);
  CHECK(alone.share.bytes() == frames.bytes->size());
  std::uint64_t work = 0;
  REQUIRE(bench.snapshot.catch_up(bench.log, bench.log.head(), 1'000'000, &work));
  const auto latest = alone.cohort.latest(bench.snapshot, 0, 2, &work);
  CHECK(alone.share.bytes() == frames.bytes->size() + latest.frames.bytes->size());
  // What passes whole is the block's own, and what is not taken whole is not kept.
  bench.take(R"({"type":"x","data":{}})");
  const Frames whole = alone.frames(bench, 3);
  CHECK(whole.bytes.get() == &bench.log.history().find(3)->frames());
  CHECK(alone.share.bytes() == frames.bytes->size() + latest.frames.bytes->size());
  pair_in_block(bench, 100);
  CHECK(alone.cohort.frames(bench.log.history().find(5), 5, 5).events == 1);
  CHECK(alone.share.bytes() == frames.bytes->size() + latest.frames.bytes->size());
  // Of another place the latest is made anew, and takes the room of the other.
  const auto again = alone.cohort.latest(bench.snapshot, 1, 1, &work);
  CHECK_FALSE(again.frames.bytes);
  CHECK(alone.share.bytes() == frames.bytes->size());
}

TEST_CASE("cohort: of two that are too large together the newer is kept, and nothing of what only one wants") {
  for (const std::size_t feeds : {1u, 2u}) {
    Bench bench;
    Alone alone(kWantsX);
    alone.cohort.feeds = feeds;
    pair_in_block(bench, 700'000);
    pair_in_block(bench, 600'000);
    (void)alone.frames(bench, 1);
    const Frames newer = alone.frames(bench, 3);
    CHECK(alone.share.bytes() == (feeds == 1 ? 0 : newer.bytes->size()));
    CHECK((alone.frames(bench, 3).bytes == newer.bytes) == (feeds == 2));
  }
}

TEST_CASE("cohorts: nothing is kept where nobody is behind") {
  Bench bench;
  Feed quick(bench.log, bench.cohorts, bench.clock, [] {}), slow(bench.log, bench.cohorts, bench.clock, [] {});
  for (Feed* const feed : {&quick, &slow}) {
    feed->subscribe(subscription(kWantsX), std::nullopt);
    CHECK(feed->pull(1 << 20).empty());
  }
  pair_in_block(bench, 5000);
  CHECK(quick.pull(1 << 20).events == 1);
  CHECK(quick.pull(1 << 20).empty());
  CHECK(bench.cohorts.kept_bytes() > 5000);
  CHECK(slow.pull(1 << 20).events == 1);
  CHECK(slow.pull(1 << 20).empty());
  bench.cohorts.announce();
  for (Feed* const feed : {&quick, &slow}) CHECK(feed->pull(1 << 20).empty());
  CHECK(bench.cohorts.kept_bytes() == 0);
}

TEST_CASE("frames: the memory of large buffers is used again, by what is about as large") {
  FrameBuffers buffers;
  std::string filled = buffers.take(100'000);
  filled.append(90'000, 'x');
  auto shared = buffers.share(std::move(filled));
  const void* const memory = shared->data();
  auto second = buffers.share(buffers.take(100'000));
  CHECK(second->data() != memory);
  shared.reset();
  CHECK(buffers.take(1000).data() != memory);
  CHECK(buffers.take(20'000).data() != memory);  // it would hold five times as much as it needs
  CHECK(buffers.take(200'000).data() != memory);
  const std::string again = buffers.take(95'000);
  CHECK(again.data() == memory);
  CHECK(again.empty());
}

TEST_CASE("cohort: two that are together as large as may be kept are kept, and a byte more is not") {
  for (const std::size_t too_many : {0u, 1u}) {
    Bench bench;
    Alone alone(kWantsX);
    alone.cohort.feeds = 2;
    pair_in_block(bench, 500'000);
    const Frames first = alone.frames(bench, 1);
    const std::size_t around = first.bytes->size() - 500'000;
    pair_in_block(bench, (1 << 20) - first.bytes->size() - around + too_many);
    const Frames second = alone.frames(bench, 3);
    REQUIRE(first.bytes->size() + second.bytes->size() == (1 << 20) + too_many);
    CHECK(alone.share.bytes() == (too_many == 0 ? 1 << 20 : second.bytes->size()));
  }
}

TEST_CASE("cohorts: who came up to the head and waits is not woken by what it had") {
  Bench bench;
  for (int i = 0; i < 3; ++i) bench.event("x");
  int woken = 0;
  Feed feed(bench.log, bench.cohorts, bench.clock, [&woken] { ++woken; });
  feed.subscribe(subscription(kWantsX), std::nullopt);
  CHECK(feed.pull(1 << 20).empty());
  bench.event("y");
  CHECK(woken == 0);
  bench.event("x");
  CHECK(woken == 1);
}

TEST_CASE("cohorts: where telling takes much of the time events gather, and one that comes alone goes at once") {
  Bench bench;
  std::int64_t writing_us = 100;
  int woken = 0;
  Feed feed(bench.log, bench.cohorts, bench.clock, [&] {
    ++woken;
    bench.clock.advance_us(writing_us);
  });
  feed.subscribe(subscription("{}"), std::nullopt);
  const auto event = [&] {
    (void)feed.pull(1 << 20);
    (void)feed.pull(1 << 20);
    bench.take(R"({"type":"t","data":{}})");
    return bench.cohorts.announce_or_wait();
  };
  CHECK(event() == 0);
  CHECK(event() == 0);  // nothing was asked for
  CHECK(woken == 2);
  bench.cohorts.gather(1000);
  CHECK(event() == 900);  // after the pass before began
  CHECK(woken == 2);
  bench.clock.advance_us(900);
  CHECK(bench.cohorts.announce_or_wait() == 0);
  CHECK(woken == 3);
  bench.clock.advance_us(1000);
  writing_us = 10;
  CHECK(event() == 0);
  CHECK(event() == 150);  // sixteen times as long as it took
  bench.clock.advance_us(150);
  CHECK(event() == 0);
  bench.cohorts.hurry();
  CHECK(event() == 0);
}

TEST_CASE("cohorts: threads side by side rest between passes over a few events, and not where there are many") {
  Bench bench;
  int woken = 0;
  Feed feed(bench.log, bench.cohorts, bench.clock, [&] {
    ++woken;
    bench.clock.advance_us(100);
  });
  feed.subscribe(subscription("{}"), std::nullopt);
  const auto events = [&](int count) {
    (void)feed.pull(1 << 20);
    (void)feed.pull(1 << 20);
    for (int n = 0; n < count; ++n) bench.take(R"({"type":"t","data":{}})");
    return bench.cohorts.announce_or_wait();
  };
  bench.cohorts.gather(0, 4);
  CHECK(events(1) == 0);
  CHECK(events(1) == 200);  // two passes' time behind the one that was just made
  bench.clock.advance_us(200);
  CHECK(bench.cohorts.announce_or_wait() == 0);
  bench.clock.advance_us(200);
  CHECK(events(100) == 0);
  CHECK(events(1) == 0);
  bench.cohorts.gather(0, 1000);
  CHECK(events(1) == 2000);
  CHECK(woken == 4);
  bench.cohorts.gather(0, 2);
  bench.clock.advance_us(200);
  CHECK(events(1) == 0);
  CHECK(events(1) == 100);  // one pass's time
  bench.cohorts.gather(0, 1);
  CHECK(events(1) == 0);
}

TEST_CASE("cohorts: where there are many events nobody rests, also while a pass is under way") {
  Bench bench;
  std::int64_t writing_us = 10;
  std::vector<std::unique_ptr<Feed>> feeds;
  for (int i = 0; i < 200; ++i) {
    feeds.push_back(std::make_unique<Feed>(bench.log, bench.cohorts, bench.clock, [&] { bench.clock.advance_us(writing_us); }));
    feeds.back()->subscribe(subscription("{}"), std::nullopt);
  }
  const auto events = [&](int count) {
    for (const auto& feed : feeds) {
      (void)feed->pull(1 << 20);
      (void)feed->pull(1 << 20);
    }
    for (int n = 0; n < count; ++n) bench.take(R"({"type":"t","data":{}})");
    return bench.cohorts.announce_or_wait();
  };
  bench.cohorts.gather(0, 4);
  CHECK(events(100) == 0);
  while (bench.work_once()) {
  }
  writing_us = 0;
  CHECK(events(100) == 0);
  REQUIRE(bench.posted.size() == 1);
  bench.take(R"({"type":"t","data":{}})");
  CHECK(bench.cohorts.announce_or_wait() == 0);
  while (bench.work_once()) {
  }
}

TEST_CASE("cohorts: of many with filters each is given what passes its own, block by block") {
  Bench bench;
  std::vector<std::unique_ptr<Feed>> feeds;
  std::vector<int> told;
  for (int i = 0; i < 8; ++i) {
    feeds.push_back(std::make_unique<Feed>(bench.log, bench.cohorts, bench.clock, [&told, i] { told.push_back(i); }));
    feeds.back()->subscribe(subscription(R"({"filter":{"item":")" + std::to_string(i) + "\"}}"), std::nullopt);
    CHECK(feeds.back()->pull(1 << 20).empty());
  }
  bench.event("t", R"({"item":"5"})");
  CHECK(told == std::vector<int>{5});
  CHECK(seqs(payloads(feeds[5]->pull(1 << 20))) == Seqs{1});
  for (int n = 0; n < 2; ++n) {
    for (int i = 0; i < 8; ++i) bench.take(R"({"type":"t","data":{"item":")" + std::to_string(i) + "\"}}");
    bench.log.seal();
  }
  for (std::uint64_t i = 0; i < 8; ++i) CHECK(seqs(payloads(feeds[i]->pull(1 << 20))) == Seqs{i + 2, i + 10});
}

TEST_CASE("snapshot: what a reader has no room for, and what it has, to the byte, where much changes meanwhile") {
  Bench bench;
  const auto thing = [&bench](int i, bool first) {
    bench.take(R"({"type":"t","data":{"item":"i)" + std::to_string(i) + (first ? R"("}})" : R"(","new":1}})"));
    catch_up(bench.snapshot, bench.log);
  };
  for (int i = 0; i < 5; ++i) thing(i, true);
  const std::size_t bytes = bench.snapshot.entries().begin()->second.json.size() + 1;
  const auto reader = bench.snapshot.reader(2 * bytes - 1);
  for (int i = 0; i < 4; ++i) thing(i, false);  // kept are the two that have room, and then the two behind them
  CHECK(reader->kept_bytes() == 2 * bytes);
  Seqs got;
  std::uint64_t work = 0;
  while (!reader->read(work + 1, &work, [&got](const Snapshot::Entry& entry) { got.push_back(seq_of(entry.json)); })) {
  }
  CHECK(got == Seqs{4, 5});
}

TEST_CASE("snapshot: a reader gives the newest without a hole, were there room for something older") {
  Bench bench;
  const auto thing = [&bench](const char* item, std::size_t bytes) {
    bench.take(R"({"type":"t","data":{"item":")" + std::string(item) + R"(","x":")" + std::string(bytes, 'x') + "\"}}");
    catch_up(bench.snapshot, bench.log);
  };
  thing("small", 1);
  thing("a", 1000);
  thing("b", 1000);
  const auto reader = bench.snapshot.reader(1600);
  thing("a", 1);
  thing("b", 1);
  Seqs got;
  std::uint64_t work = 0;
  while (!reader->read(work + 1, &work, [&got](const Snapshot::Entry& entry) { got.push_back(seq_of(entry.json)); })) {
  }
  CHECK(got == Seqs{3});
}

TEST_CASE("cohort: of what passes whole a part is no more than that part") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.take(R"({"type":"x","data":{}})");
  bench.log.seal();
  Alone alone("{}");
  const BlockPtr block = bench.log.history().blocks().back();
  CHECK(alone.cohort.frames(block, 3, 8).events == 6);
  CHECK(alone.cohort.frames(block, 1, 10).events == 10);
}

TEST_CASE("snapshot: put together an entry at a time it is whole, and ends with its last") {
  Bench bench;
  for (int i = 0; i < 5; ++i) bench.event("t" + std::to_string(i));
  catch_up(bench.snapshot, bench.log);
  Seqs got;
  for (std::uint64_t after = 0; after < 5;) {
    std::uint64_t work = 0;
    const Snapshot::Part part = bench.snapshot.frames(subscription("{}"), after, 5, 1, &work);
    REQUIRE(part.to_seq == after + 1);
    after = part.to_seq;
    if (part.frames.bytes) got.push_back(seq_of(payloads(std::string_view(*part.frames.bytes)).at(0)));
  }
  CHECK(got == Seqs{1, 2, 3, 4, 5});
}

TEST_CASE("snapshot: what is compressed costs more, by what there is to compress") {
  Bench bench;
  for (int i = 0; i < 10; ++i) bench.event("t" + std::to_string(i), padded_data(800));
  catch_up(bench.snapshot, bench.log);
  Deflater deflater(Deflater::kLevelMin);
  const auto cost = [&](Deflater* with) {
    std::uint64_t work = 0;
    (void)bench.snapshot.frames(subscription("{}"), 0, bench.log.head(), 1'000'000, &work, with);
    return work;
  };
  CHECK(cost(&deflater) >= cost(nullptr) + 10 * 800 / kDeflatedBytesPerWork);
}

TEST_CASE("snapshot: an entry takes its own bytes, those of its key twice, and those of its event") {
  Bench bench;
  bench.event("t", R"({"item":"i","n":5})");
  catch_up(bench.snapshot, bench.log);
  const auto& entry = bench.snapshot.entries().begin()->second;
  CHECK(entry.key.size() == 4 * sizeof(std::uint32_t) + 2);
  CHECK(bench.snapshot.bytes() == sizeof(Snapshot::Entry) + 2 * entry.key.size() + entry.json.size());
}

TEST_CASE("snapshot: a filter finds agents and items, text or not, as in the stream") {
  Bench bench;
  bench.event("a", R"({"item":"5","agent_id":"one"})");
  bench.event("b", R"({"item":5,"agent_id":"two"})");
  bench.event("c", R"({"item":null})");
  bench.event("d", R"({"it\u0065m":"5"})");
  for (const auto& [filter, wanted] : {std::pair(R"({"item":"5"})", Seqs{1, 4}), std::pair(R"({"item":5})", Seqs{2}),
                                       std::pair(R"({"item":null})", Seqs{3}),
                                       std::pair(R"({"agent_id":"two"})", Seqs{2})}) {
    CAPTURE(filter);
    Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
    const auto outcome =
        feed.subscribe(subscription(R"({"filter":)" + std::string(filter) + "}"), std::nullopt, {true});
    feed.give(outcome.snapshot_to);
    CHECK(seqs(payloads(feed.pull(1 << 20))) == wanted);
    Feed stream(bench.log, bench.cohorts, bench.clock, [] {});
    Since all;
    all.epoch = "epoch1";
    stream.subscribe(subscription(R"({"filter":)" + std::string(filter) + "}"), all);
    CHECK(seqs(payloads(stream.pull(1 << 20))) == wanted);
  }
}

TEST_CASE("feed: who fell behind goes on with a megabyte to the byte") {
  for (const std::size_t too_many : {0u, 1u}) {
    Bench bench({100, 1u << 30});
    const auto add = [&bench](std::size_t payload) {
      bench.take(R"({"type":"t","data":)" + padded_data(payload) + "}");
      bench.log.seal();
      return bench.log.history().blocks().back()->frames().size();
    };
    Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
    feed.subscribe(subscription("{}"), std::nullopt);
    CHECK(feed.pull(1 << 20).empty());
    std::size_t around = 0;
    for (int i = 0; i < 130; ++i) around = add(60'000) - 60'000;
    for (int i = 0; i < 16; ++i) REQUIRE(add(65'536 - around + (i == 0 ? too_many : 0)) == 65'536 + (i == 0 ? too_many : 0));
    std::size_t given = 0;
    for (Outgoing out; !(out = feed.pull(1 << 24)).empty();) given += out.events;
    CHECK(given == (too_many == 0 ? 16 : 15));
  }
}

TEST_CASE("feed: of an edition of the latest a client gets what there was when it was made") {
  Bench bench;
  int woken = 0;
  Feed feed(bench.log, bench.cohorts, bench.clock, [&woken] { ++woken; });
  feed.subscribe(subscription(R"({"deliver":{"mode":"latest","max_rate_hz":1}})"), std::nullopt);
  CHECK(feed.pull(1 << 20).empty());
  bench.event("x");
  CHECK(woken == 1);
  bench.event("x");
  CHECK(seqs(payloads(feed.pull(1 << 20))) == Seqs{1});
  CHECK(feed.pull(1 << 20).empty());
  bench.clock.advance_us(1'000'000);
  bench.cohorts.tick();
  CHECK(seqs(payloads(feed.pull(1 << 20))) == Seqs{2});
}

TEST_CASE("replay: across a step back of the clock events are as far apart as they came") {
  Bench bench;
  Feed feed(bench.log, bench.cohorts, bench.clock, [] {});
  bench.event("a");
  bench.clock.advance_us(1'000'000);
  bench.event("b");
  bench.clock.step_wall_us(-3'600'000'000);
  bench.event("c");
  bench.clock.advance_us(2'000'000);
  bench.event("d");
  REQUIRE(bench.replays.start(&feed, parse_json(R"({"speed":1})"), nullptr, [] {}).ok());
  std::vector<std::size_t> got;
  for (int half_second = 0; half_second <= 6; ++half_second) {
    bench.replays.tick();
    got.push_back(seqs(payloads(feed.pull(1 << 20))).size());
    bench.clock.advance_us(500'000);
  }
  CHECK(got == std::vector<std::size_t>{1, 0, 2, 0, 0, 0, 1});
}

TEST_CASE("frames: buffers of 16 to 512 KiB are kept, four of them, for what needs at least half of one") {
  const auto with_room = [](std::size_t bytes) {
    std::string buffer;
    buffer.reserve(bytes);
    return buffer;
  };
  // The room of what is taken after one of so much came back: its own, or that of a new one, a multiple of 32 KiB.
  const auto room = [&](std::size_t given, std::size_t wanted) {
    FrameBuffers buffers;
    buffers.give_back(with_room(given));
    return buffers.take(wanted).capacity();
  };
  CHECK(room(16'385, 16'384) == 16'385);
  CHECK(room(16'385, 16'383) == 16'383);  // not worth looking for
  CHECK(room(524'288, 300'000) == 524'288);
  CHECK(room(524'289, 300'000) == 327'680);
  CHECK(room(20'001, 20'001) == 20'001);
  CHECK(room(20'001, 20'002) == 32'768);
  CHECK(room(72'768, 20'000) == 72'768);
  CHECK(room(72'769, 20'000) == 32'768);
  CHECK(room(1, 32'768) == 32'768);
  CHECK(room(1, 32'769) == 65'536);
  FrameBuffers buffers;
  for (std::size_t i = 0; i < 5; ++i) buffers.give_back(with_room(20'001 + i));
  for (std::size_t i = 0; i < 5; ++i) buffers.give_back(with_room(16'383));  // no room is given to it
  for (const std::size_t one : {20'005, 20'004, 20'003, 20'002, 32'768}) CHECK(buffers.take(20'000).capacity() == one);
  for (const std::size_t one : {20'001, 16'384}) {
    auto shared = buffers.share(with_room(one));
    shared.reset();
    CHECK(buffers.take(16'384).capacity() == one);
  }
}

TEST_CASE("frames: an array is filled to the byte") {
  Bench bench;
  const auto bytes_of = [&bench](std::uint64_t seq) {
    bench.log.seal();
    const BlockPtr block = bench.log.history().find(seq);
    return block->json(static_cast<std::size_t>(seq - block->first_seq())).size();
  };
  bench.event("t", padded_data(100'000));
  bench.event("t", padded_data(100'000));
  const std::size_t rest = kBlockBytesMax - 3 - bytes_of(1) - (bytes_of(2) - 100'000);
  for (const std::size_t too_many : {0u, 1u}) {
    bench.event("t", padded_data(rest + too_many));
    FramesBuilder builder(subscription(R"({"batch":true})"), nullptr, "e");
    for (const std::uint64_t seq : {std::uint64_t{1}, bench.log.last_seq()}) {
      (void)bytes_of(seq);
      const BlockPtr block = bench.log.history().find(seq);
      builder.add(*block, static_cast<std::size_t>(seq - block->first_seq()));
    }
    const auto arrays = payloads(std::string_view(*builder.finish().bytes));
    REQUIRE(arrays.size() == 1 + too_many);
    if (too_many == 0) CHECK(arrays[0].size() == kBlockBytesMax);
  }
}

TEST_CASE("frames: what is to come has its room in buffers that are there, of arrays and of what is sent as it is") {
  // How many of four buffers are taken for it.
  const auto taken = [](const std::string& request, bool deflated) {
    FrameBuffers buffers;
    for (int i = 0; i < 4; ++i) {
      std::string buffer;
      buffer.reserve(100'001);
      buffers.give_back(std::move(buffer));
    }
    Deflater deflater(Deflater::kLevelMin);
    FramesBuilder builder(subscription(request), deflated ? &deflater : nullptr, "e", &buffers);
    builder.expect(100'000);
    int left = 0;
    while (buffers.take(100'000).capacity() == 100'001) ++left;
    return 4 - left;
  };
  CHECK(taken("{}", false) == 1);
  CHECK(taken(R"({"batch":true})", false) == 2);
  CHECK(taken(R"({"batch":true})", true) == 1);  // what is compressed is not known by its size
  // An array has a block's bytes at most.
  FrameBuffers buffers;
  std::string block;
  block.reserve(kBlockBytesMax + 1);
  buffers.give_back(std::move(block));
  Deflater deflater(Deflater::kLevelMin);
  FramesBuilder batched(subscription(R"({"batch":true})"), &deflater, "e", &buffers);
  batched.expect(2 * kBlockBytesMax + 100'000);
  CHECK(buffers.take(kBlockBytesMax).capacity() == kBlockBytesMax);
  FramesBuilder without(subscription("{}"), nullptr, "e");
  without.expect(100'000);
  CHECK(without.finish().bytes == nullptr);
}
