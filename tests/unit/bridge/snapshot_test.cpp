#include "stream/snapshot.h"

#include <doctest/doctest.h>

#include "fixture.h"

using namespace bridge;

TEST_CASE("snapshot: the latest of each thing, whether still in the history or gone from it") {
  Bench bench({20, 1 << 30});
  for (int i = 1; i <= 300; ++i) {
    bench.event("price", R"({"item":"i)" + std::to_string(i % 7) + R"(","n":)" + std::to_string(i) + "}");
  }
  bench.event("price", R"({"item":"i0","agent_id":"a"})");
  catch_up(bench.snapshot, bench.log);
  const auto& entries = bench.snapshot.entries();
  REQUIRE(entries.size() == 8);
  std::uint64_t last = 0;
  for (const auto& [seq, entry] : entries) {
    CHECK(seq > last);
    CHECK(entry.json.find("\"seq\":" + std::to_string(seq) + "}") != std::string::npos);
    last = seq;
  }
  CHECK(entries.rbegin()->first == 301);
  CHECK(entries.begin()->first == 294);
}

TEST_CASE("snapshot: entries are bounded, the longest unchanged makes room") {
  Bench bench;
  Snapshot small(3, 1 << 20);
  for (int i = 0; i < 5; ++i) bench.event("t" + std::to_string(i));
  bench.event("t2");
  catch_up(small, bench.log);
  REQUIRE(small.entries().size() == 3);
  CHECK(parse_json(small.entries().begin()->second.json)["type"] == "t3");
  CHECK(parse_json(small.entries().rbegin()->second.json)["type"] == "t2");
  CHECK(small.evicted() == 2);
}

TEST_CASE("snapshot: a block at a time comes to the same as an event at a time") {
  for (const std::size_t room : {4u, 1000u}) {
    CAPTURE(room);
    Bench bench;
    Snapshot whole(room, 1 << 20);
    Snapshot pieces(room, 1 << 20);
    for (int i = 1; i <= 500; ++i) {
      bench.event("t" + std::to_string(i * i % 11), R"({"item":"i)" + std::to_string(i % 3) + "\"}");
      std::uint64_t work = 0;
      if (i % 7 != 0) pieces.catch_up(bench.log, bench.log.head(), std::uint64_t{1} << 40, &work);
      if (i % 97 == 0) catch_up(whole, bench.log);
    }
    catch_up(whole, bench.log);
    catch_up(pieces, bench.log);
    REQUIRE(whole.entries().size() == pieces.entries().size());
    CHECK(whole.bytes() == pieces.bytes());
    for (const auto& [seq, entry] : whole.entries()) {
      const auto other = pieces.entries().find(seq);
      REQUIRE(other != pieces.entries().end());
      CHECK(other->second.json == entry.json);
      CHECK(other->second.key == entry.key);
    }
  }
}

TEST_CASE("snapshot: names cannot be made to look like other things") {
  Bench bench;
  bench.event("t", R"({"agent_id":"a/1/b","item":""})");
  bench.event("t", R"({"agent_id":"a","item":"b"})");
  bench.event("t", R"({"agent_id":"ab"})");
  bench.event("t", R"({"item":"ab"})");
  catch_up(bench.snapshot, bench.log);
  CHECK(bench.snapshot.entries().size() == 4);
}

TEST_CASE("snapshot: as many bytes as there may be are kept, to the byte") {
  Bench bench;
  for (int i = 0; i < 5; ++i) bench.event("t" + std::to_string(i));
  Snapshot all(1000, 1 << 20);
  catch_up(all, bench.log);
  REQUIRE(all.evicted() == 0);
  for (const std::size_t too_few : {0u, 1u}) {
    Snapshot some(1000, all.bytes() - too_few);
    catch_up(some, bench.log);
    CHECK(some.evicted() == too_few);
  }
}

TEST_CASE("snapshot: what a reader had no room to keep makes no room for what is older than it may give") {
  for (const std::size_t too_few : {0u, 1u}) {
    Bench bench;
    for (int i = 0; i < 6; ++i) bench.event("t" + std::to_string(i));
    catch_up(bench.snapshot, bench.log);
    const std::size_t one = bench.snapshot.entries().begin()->second.json.size() + 1;
    const auto reader = bench.snapshot.reader(2 * one - 1 - too_few);
    for (const char* changed : {"t0", "t1"}) bench.event(changed);
    catch_up(bench.snapshot, bench.log);
    CHECK(reader->kept_bytes() == (2 - too_few) * one);
    std::size_t given = 0;
    std::uint64_t work = 0;
    CHECK(reader->read(1 << 20, &work, [&given](const Snapshot::Entry&) { ++given; }));
    CHECK(given == 2 - too_few);
  }
}
