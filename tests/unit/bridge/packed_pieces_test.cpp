// Which events are packed, and which pieces go again.

#include "runs/packed_events.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "packed_journal.h"

using namespace bridge;
using namespace bridge::packed;

TEST_CASE("packed events: only whole blocks that are old enough, and never the newest event") {
  Kept kept(1'000'000);
  kept.append(1, 2048);
  const auto stamp = [](std::int64_t seq) { return kPackedNow + seq * kEventUs; };
  CHECK_FALSE(kept.file->pack(stamp(1024) + 999'999).value());
  CHECK(kept.file->packed_sums().events == 0);
  while (kept.file->pack(stamp(1024) + 1'000'000).value()) {
  }
  CHECK(kept.file->packed_sums().events == 1024);
  CHECK_FALSE(kept.file->pack(stamp(9000)).value());  // 2048 is the newest
  kept.append(2049, 2049);
  while (kept.file->pack(stamp(9000)).value()) {
  }
  CHECK(kept.file->packed_sums().events == 2048);
  JournalLimits off;
  off.bytes_max = 1 << 30;
  off.age_max_us = INT64_MAX / 2;
  kept.append(2050, 4000);
  kept.file->set_limits(off);
  CHECK(kept.pack() == 0);
  off.compress_after_us = 1;
  kept.file->set_limits(off);
  CHECK(kept.pack() > 0);
}

TEST_CASE("packed events: a file for which it was never set is as it was, and newer versions are refused") {
  Kept kept(0);
  kept.append(1, 3000);
  CHECK(rows_of(kept.options.path, "SELECT type FROM sqlite_master WHERE name='events'") == std::vector<std::string>{"table"});
  CHECK(rows_of(kept.options.path, "PRAGMA user_version") == std::vector<std::string>{"1"});
  kept.options.compress_after_us = 1;
  kept.open();
  CHECK(rows_of(kept.options.path, "SELECT type FROM sqlite_master WHERE name='events'") == std::vector<std::string>{"view"});
  CHECK(rows_of(kept.options.path, "PRAGMA user_version") == std::vector<std::string>{"2"});
  CHECK(kept.pack() > 0);
  kept.file.reset();
  const auto looked = JournalFile::look(kept.options.path);
  REQUIRE(looked);
  CHECK(looked->first_seq == 1);
  CHECK(looked->last_seq == 3000);
  CHECK(looked->last_stamp_us == kPackedNow + 3000 * kEventUs);
  kept.run("PRAGMA user_version=3");
  const auto refused = JournalFile::open(kept.options);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().message.find("it is of version 3, written by a newer bridge; this one knows version 2") != std::string::npos);
}

TEST_CASE("packed events: what is too old or too much goes with whole pieces, down to the newest event") {
  Both both;
  both.packed.pack();
  const auto trim_all = [](Kept& kept, std::int64_t now_us) {
    std::uint64_t gone = 0;
    while (const std::uint64_t some = kept.file->trim(1000, now_us).value()) gone += some;
    return gone;
  };
  for (const std::uint64_t seq : {200, 1300, 1600, 2500, 4000, 5200, 6500, 6900}) {
    CAPTURE(seq);
    const std::int64_t now_us = kPackedNow + static_cast<std::int64_t>(seq) * kEventUs;
    std::uint64_t gone = 0;
    for (Kept* kept : {&both.plain, &both.packed}) {
      const std::uint64_t before = kept->file->rows();
      JournalLimits limits;
      limits.bytes_max = 1ull << 40;
      limits.age_max_us = 1;
      limits.compress_after_us = kept == &both.packed ? 1 : 0;
      kept->file->set_limits(limits);
      gone = trim_all(*kept, now_us);
      CHECK(kept->file->rows() == before - gone);
    }
    // No more than the rest of a piece stays.
    const std::uint64_t exact = both.plain.file->first_seq(), kept = both.packed.file->first_seq();
    CHECK(kept <= exact);
    CHECK(exact - kept < 1024);
    if (exact > 6145) CHECK(kept == exact);
    CHECK((both.packed.read(exact, false) == both.plain.read(exact, false)));
    CHECK(both.packed.rows().size() == both.packed.file->rows());
    const auto found = both.packed.file->read(1, 1);
    CHECK(found.value().at(0)->first_seq() == kept);
  }
  JournalLimits limits;
  limits.bytes_max = 1;
  limits.age_max_us = INT64_MAX / 2;
  both.packed.file->set_limits(limits);
  trim_all(both.packed, kPackedNow);
  CHECK(both.packed.file->first_seq() == kLast);
  const auto sums = both.packed.file->packed_sums();
  CHECK(sums.pieces + sums.events + sums.text_bytes + sums.packed_bytes == 0);
}

TEST_CASE("packed events: by size the oldest pieces go, at most so many at a time") {
  Kept kept(1);
  kept.append(1, 7000);
  kept.pack();
  JournalLimits limits;
  limits.bytes_max = 1;
  limits.age_max_us = INT64_MAX / 2;
  kept.file->set_limits(limits);
  CHECK(kept.file->trim(10, kPackedNow).value() <= 1024);
  const std::uint64_t first = kept.file->first_seq();
  CHECK(first > 1);
  CHECK(first <= 1025);
  const std::uint64_t gone = kept.file->trim(250, kPackedNow).value();
  CHECK(gone > 250);
  CHECK(gone <= 2000);
  CHECK(kept.rows().size() == kept.file->rows());
}

TEST_CASE("packed events: where packing breaks off everything is a row as before, and it is tried no further there") {
  Both both;
  both.packed.run("CREATE TRIGGER stop BEFORE DELETE ON event_rows WHEN old.seq=700 BEGIN SELECT RAISE(ABORT,'no'); END");
  const auto failed = [&] {
    for (int i = 0; i < 100; ++i) {
      const auto more = both.packed.file->pack(INT64_MAX / 2);
      if (!more) return more.error().message;
      if (!more.value()) break;
    }
    return std::string("nothing failed");
  }();
  CHECK(failed.find(": no") != std::string::npos);
  check_same(both);
  both.packed.pack();  // the block after it
  CHECK(rows_of(both.packed.options.path, "SELECT count(*) FROM event_rows WHERE seq=700")[0] == "1");
  CHECK(both.packed.file->packed_sums().events > 2000);
  check_same(both);
  both.packed.run("DROP TRIGGER stop");
  both.packed.open();
  both.packed.pack();
  check_same(both);
}

TEST_CASE("packed events: a row that nobody but a bridge wrote, or that could not be told exactly, stays a row") {
  Both both;
  both.packed.file.reset();
  both.packed.run(
      "UPDATE event_rows SET timestamp=0.1234567 WHERE seq=100; UPDATE event_rows SET body=CAST(x'7bff7d' AS TEXT) WHERE seq=200;"
      "UPDATE event_rows SET item='a'||char(0)||'b' WHERE seq=300; UPDATE event_rows SET run=x'00' WHERE seq=400;"
      "UPDATE event_rows SET source_seq='x' WHERE seq=500; UPDATE event_rows SET body='no event' WHERE seq=600;"
      "UPDATE event_rows SET source_seq=-5 WHERE seq=601");
  both.packed.open();
  const auto before = both.packed.rows();
  const auto read = both.packed.read(1, false);
  both.packed.pack();
  CHECK((both.packed.rows() == before));
  CHECK((both.packed.read(1, false) == read));
  CHECK(rows_of(both.packed.options.path, "SELECT group_concat(seq) FROM event_rows WHERE seq<6145")[0] == "100,200,300,400,500");
  CHECK(both.packed.read(kLast, true).size() == read.size());
}
