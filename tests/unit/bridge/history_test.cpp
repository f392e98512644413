#include "log/history.h"

#include <doctest/doctest.h>

#include "fixture.h"

using namespace bridge;

namespace {

void append(EventLog& log, int n, std::int64_t us = 0, std::size_t payload = 0) {
  EnvelopeParser parser(1 << 21);
  const std::string body = R"({"type":"t","data":{"a":")" + std::string(payload, 'x') + "\"}}";
  for (int i = 0; i < n; ++i) {
    REQUIRE(parser.parse(body) == Reject::none);
    log.append(parser.envelope(), us);
    log.seal();
  }
}

}  // namespace

TEST_CASE("history: an evicted position is not found, and the rest is without holes") {
  std::vector<std::uint64_t> evicted;
  EventLog log("e", {100, 1 << 30}, [&](const Block& b) {
    for (std::size_t i = 0; i < b.size(); ++i) evicted.push_back(b.seq(i));
  });
  append(log, 1000);
  const History& history = log.history();
  CHECK(history.last_seq() == 1000);
  CHECK(history.events() >= 100);
  CHECK(history.events() <= 112);
  CHECK(history.find(history.first_seq() - 1).get() == nullptr);
  CHECK(history.find(0).get() == nullptr);
  CHECK(history.find(1001).get() == nullptr);
  std::uint64_t next = history.first_seq();
  for (const BlockPtr& block : history.blocks()) {
    CHECK(block->first_seq() == next);
    next = block->last_seq() + 1;
  }
  CHECK(next == 1001);
  for (std::uint64_t seq = history.first_seq(); seq <= 1000; ++seq) {
    REQUIRE(history.find(seq).get() != nullptr);
    CHECK(history.find(seq)->contains(seq));
  }
  // What left was told of, in order, each once.
  REQUIRE(evicted.size() == history.first_seq() - 1);
  for (std::size_t i = 0; i < evicted.size(); ++i) CHECK(evicted[i] == i + 1);
}

TEST_CASE("history: an empty one has no bytes") {
  Bench bench;
  CHECK(bench.log.history().bytes() == 0);
}

TEST_CASE("history: bytes are bounded as well as events") {
  EventLog log("e", {1'000'000, 1 << 20});
  append(log, 500, 0, 10'000);
  CHECK(log.history().bytes() <= 1 << 20);
  CHECK(log.history().events() < 110);
  CHECK(log.history().events() > 50);
}

TEST_CASE("history: the newest block stays however small the limits") {
  EventLog log("e", {1, 1});
  append(log, 3, 0, 100'000);
  CHECK(log.history().events() == 1);
  CHECK(log.history().find(3).get() != nullptr);
}

TEST_CASE("history: lone events are merged as they age") {
  EventLog log("e", {100'000, 1 << 30});
  append(log, 10'000);
  CHECK(log.history().events() == 10'000);
  CHECK(log.history().blocks().size() < 200);
}

TEST_CASE("history: a time is found to the event") {
  EventLog log("e", {100'000, 1 << 30});
  for (int i = 1; i <= 300; ++i) append(log, 1, i * 1000);
  CHECK(log.first_seq_since(0) == 1);
  CHECK(log.first_seq_since(5000) == 5);
  CHECK(log.first_seq_since(5001) == 6);
  CHECK(log.first_seq_since(300'001) == 301);
}

TEST_CASE("log: stamps never decrease, even when the clock does") {
  EventLog log("e", {100, 1 << 20});
  append(log, 1, 2000);
  append(log, 1, 1000);
  append(log, 1, 3000);
  const auto stamp = [&log](std::uint64_t seq) {
    const BlockPtr block = log.history().find(seq);
    return block->entry(static_cast<std::size_t>(seq - block->first_seq())).timestamp_us;
  };
  CHECK(stamp(1) == 2000);
  CHECK(stamp(2) == 2000);
  CHECK(stamp(3) == 3000);
}

TEST_CASE("log: a full block is closed without anybody asking") {
  EventLog log("e", {100'000, 1 << 30});
  EnvelopeParser parser(1 << 21);
  const std::string body = R"({"type":"t","data":{"a":")" + std::string(100'000, 'x') + "\"}}";
  REQUIRE(parser.parse(body) == Reject::none);
  for (int i = 0; i < 10; ++i) log.append(parser.envelope(), 0);
  CHECK(log.history().last_seq() == 9);
  CHECK(log.last_seq() == 10);
}

TEST_CASE("log: a small history is kept to though nobody reads") {
  EventLog log("e", {100, 1 << 30});
  EnvelopeParser parser(1 << 20);
  REQUIRE(parser.parse(R"({"type":"t","data":{}})") == Reject::none);
  for (int i = 0; i < 11; ++i) log.append(parser.envelope(), 0);
  CHECK(log.history().last_seq() == 0);
  log.append(parser.envelope(), 0);  // an eighth of it is a block
  CHECK(log.history().last_seq() == 12);
  for (int i = 0; i < 988; ++i) log.append(parser.envelope(), 0);
  CHECK(log.history().first_seq() > 880);
}

TEST_CASE("history: a log that follows another shares its blocks, merged ones too") {
  EventLog first("e", {300, 1 << 30});
  EventLog second("e", {300, 1 << 30});
  EventLog late("e", {40, 1 << 30});  // has let go of what is merged
  first.add_on_seal([&](const BlockPtr& block) {
    second.follow(block);
    late.follow(block);
  });
  first.set_on_merge([&](const BlockPtr& merged) {
    second.follow_merge(merged);
    late.follow_merge(merged);
  });
  append(first, 1000, 7);
  CHECK(second.last_seq() == 1000);
  CHECK(second.head() == 1000);
  CHECK(second.history().first_seq() == first.history().first_seq());
  CHECK(second.history().events() == first.history().events());
  CHECK(second.history().bytes() == first.history().bytes());
  for (std::uint64_t seq = first.history().first_seq(); seq <= 1000; ++seq) {
    CHECK(second.history().find(seq) == first.history().find(seq));
  }
  CHECK(late.history().events() >= 40);
  std::uint64_t next = late.history().first_seq();
  for (const BlockPtr& block : late.history().blocks()) {
    CHECK(block->first_seq() == next);
    next = block->last_seq() + 1;
  }
  CHECK(next == 1001);
}

TEST_CASE("history: lower limits are come to in steps, higher ones at once") {
  std::uint64_t evicted = 0;
  EventLog log("e", {100'000, 1 << 30}, [&](const Block& b) { evicted += b.size(); });
  append(log, 60'000);
  log.set_limits({100, 1 << 30});
  CHECK(evicted == 0);
  for (int n = 0; n < 30 && log.history().events() > 200; ++n) {
    const std::uint64_t before = evicted;
    append(log, 1);
    CHECK(evicted - before <= 8192 + 100'000 / 8);
  }
  CHECK(log.history().events() <= 200);
  log.set_limits({100'000, 1 << 30});
  append(log, 1000);
  CHECK(log.history().events() >= 1100);
  log.set_limits({100'000, 4096});
  append(log, 1, 0, 2000);
  CHECK(log.history().bytes() <= 8192);
}

TEST_CASE("history: fewer bytes than before are come to in steps as well") {
  EventLog log("e", {100'000, 1 << 30});
  append(log, 160, 0, 100'000);
  log.set_limits({100'000, 1 << 20});
  for (int n = 0; n < 10 && log.history().bytes() > 1 << 20; ++n) {
    const std::size_t before = log.history().bytes();
    append(log, 1);
    CHECK(before - log.history().bytes() <= (4 << 20) + 200'000);
  }
  CHECK(log.history().bytes() <= 1 << 20);
}

TEST_CASE("history: as many bytes as there may be are kept, and as many events, to the last") {
  EventLog all("e", {1'000'000, 1 << 30});
  append(all, 20, 0, 50'000);
  REQUIRE(all.history().first_seq() == 1);
  for (const std::size_t too_few : {0u, 1u}) {
    EventLog log("e", {1'000'000, all.history().bytes() - too_few});
    append(log, 20, 0, 50'000);
    CHECK((log.history().first_seq() == 1) == (too_few == 0));
  }
}
