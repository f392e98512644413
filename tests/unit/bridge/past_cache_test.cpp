#include "log/past_cache.h"

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "fake_journal.h"
#include "fixture.h"

using namespace bridge;

namespace {

struct Reader final : PastCache::Waiter {
  void on_past() override { ++told; }
  int told = 0;
};

// A journal of blocks of one event each.
struct Past {
  explicit Past(int events, std::size_t payload = 0) : cache(&journal) {
    EventLog log("e", {1, 1});
    log.add_on_seal([this](const BlockPtr& block) { journal.blocks.push_back(block); });
    EnvelopeParser parser(1 << 22);
    const std::string body = R"({"type":"t","data":{"a":")" + std::string(payload, 'x') + "\"}}";
    for (int i = 0; i < events; ++i) {
      REQUIRE(parser.parse(body) == Reject::none);
      log.append(parser.envelope(), 0);
      log.seal();
    }
  }
  // What a reader reads in all that looks at one place again and again.
  int reads_ahead(std::uint64_t at, std::uint64_t last_wanted) {
    for (int i = 0; i < 30; ++i) {
      cache.look(at, last_wanted, &reader);
      journal.answer();
    }
    return journal.reads - 1;
  }
  int reads_back(std::uint64_t at, std::uint64_t first_wanted) {
    for (int i = 0; i < 30; ++i) {
      cache.look_back(at, first_wanted, &reader);
      journal.answer();
    }
    return journal.reads - 1;
  }

  FakeJournal journal;
  PastCache cache;
  Reader reader;
};

}  // namespace

TEST_CASE("past: what is beyond the journal is not waited for, and it is said what is held next") {
  Past past(5);
  past.journal.blocks.erase(past.journal.blocks.begin());
  CHECK(past.cache.look(1, 5, &past.reader).next_held == 2);
  CHECK(past.cache.look(6, 9, &past.reader).next_held > 1'000'000);
  CHECK(past.cache.look_back(6, 1, &past.reader).next_held == 5);
  CHECK(past.cache.look_back(1, 1, &past.reader).next_held == 0);
  CHECK(past.journal.reads == 0);
  CHECK(past.cache.bytes() == 0);
  CHECK(past.cache.given() == 0);
  CHECK_FALSE(past.cache.look(6, 9, &past.reader).unreadable);
  CHECK_FALSE(past.cache.look_back(1, 1, &past.reader).unreadable);
  past.journal.in_trouble = true;
  CHECK(past.cache.look(3, 9, &past.reader).unreadable);
  CHECK(past.cache.look_back(1, 1, &past.reader).unreadable);
}

TEST_CASE("past: who reads on is read ahead for, so far and not beyond what is wanted or there") {
  CHECK(Past(100).reads_ahead(10, 100) == 8);
  CHECK(Past(100).reads_ahead(10, 13) == 3);
  CHECK(Past(100).reads_ahead(10, 10) == 0);
  CHECK(Past(12).reads_ahead(10, 100) == 2);
}

TEST_CASE("past: who reads back is read ahead for by one, and not beyond what is wanted or there") {
  CHECK(Past(100).reads_back(10, 1) == 1);
  CHECK(Past(100).reads_back(10, 9) == 1);
  CHECK(Past(100).reads_back(10, 10) == 0);
  CHECK(Past(100).reads_back(1, 0) == 0);
  Past past(100);
  REQUIRE(past.reads_back(10, 1) == 1);
  CHECK(past.cache.look_back(9, 1, &past.reader).block->first_seq() == 9);
}

TEST_CASE("past: eight reads are under way at a time, and everybody has his in the end") {
  Past past(100);
  std::vector<Reader> readers(20);
  for (std::size_t i = 0; i < readers.size(); ++i) {
    CHECK(past.cache.look(5 * i + 1, 5 * i + 1, &readers[i]).pending);
  }
  CHECK(past.journal.reads == 8);
  past.journal.answer();
  CHECK(past.journal.reads == 20);
  for (const Reader& reader : readers) CHECK(reader.told == 1);
}

TEST_CASE("past: half of the reads are left to those who wait") {
  for (const std::size_t under_way : {3u, 4u}) {
    CAPTURE(under_way);
    Past past(100);
    past.cache.look(50, 50, &past.reader);
    past.journal.answer();
    std::vector<Reader> readers(under_way);
    for (std::size_t i = 0; i < under_way; ++i) past.cache.look(5 * i + 1, 5 * i + 1, &readers[i]);
    const int before = past.journal.reads;
    CHECK(past.cache.look(50, 100, &past.reader).block);
    CHECK(past.journal.reads - before == (under_way < 4 ? 1 : 0));
  }
}

TEST_CASE("past: so many bytes are kept, what was read first goes first") {
  Past past(40, 1 << 20);
  for (std::uint64_t seq = 1; seq <= 40; ++seq) {
    past.cache.look(seq, seq, &past.reader);
    past.journal.answer();
    CHECK(past.cache.bytes() <= kPastCacheBytesMax);
  }
  CHECK(past.cache.bytes() > kPastCacheBytesMax - (2 << 20));
  CHECK(past.cache.look(40, 40, &past.reader).block);
  CHECK(past.cache.look(12, 12, &past.reader).block);
  CHECK(past.cache.look(1, 1, &past.reader).pending);
}

TEST_CASE("past: two that have as many bytes together as may be kept are kept, and with one byte less the newer is") {
  for (const std::size_t too_few : {0u, 1u}) {
    Past past(2, 1000);
    const std::size_t bytes = past.journal.blocks[0]->memory_bytes() + past.journal.blocks[1]->memory_bytes();
    PastCache cache(&past.journal, bytes - too_few);
    for (const std::uint64_t seq : {1, 2}) {
      (void)cache.look(seq, seq, &past.reader);
      past.journal.answer();
    }
    CHECK(cache.bytes() == (too_few == 0 ? bytes : past.journal.blocks[1]->memory_bytes()));
    CHECK(cache.look(2, 2, &past.reader).block);
    CHECK(cache.look(1, 1, &past.reader).pending == (too_few != 0));
    cache.forget(&past.reader);
  }
}

TEST_CASE("past: blocks are kept up to so many bytes, to the byte") {
  Past past(2, 1000);
  const std::size_t both = past.journal.blocks[0]->memory_bytes() + past.journal.blocks[1]->memory_bytes();
  for (const std::size_t too_few : {0u, 1u}) {
    PastCache cache(&past.journal, both - too_few);
    for (const std::uint64_t at : {1u, 2u}) {
      CHECK(cache.look(at, at, &past.reader).pending);
      past.journal.answer();
      CHECK(cache.look(at, at, &past.reader).block);
    }
    CHECK(cache.look(1, 1, &past.reader).pending == (too_few == 1));
    past.journal.answer();
    cache.forget(&past.reader);
  }
}
