// A journal whose old events are packed answers as one whose are not, whatever is asked.

#include "runs/packed_events.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "packed_journal.h"
#include "store/journal_backup.h"
#include "store/journal_thread.h"
#include "support/wait.h"

using namespace bridge;
using namespace bridge::packed;

TEST_CASE("packed events: every way to read gives what rows give, before and after the file is opened again") {
  Both both;
  check_same(both);
  CHECK(both.packed.pack() > 6);
  CHECK(both.plain.pack() == 0);
  const auto sums = both.packed.file->packed_sums();
  CHECK(sums.events == 1500 + 890 + 600 + 1144);  // up to the last multiple of 1,024
  CHECK(sums.packed_bytes < sums.text_bytes / 5);
  CHECK(rows_of(both.packed.options.path, "SELECT min(seq) FROM event_rows") == std::vector<std::string>{"6145"});
  CHECK(rows_of(both.packed.options.path, "SELECT max(bytes)<700000 FROM packed")[0] == "1");
  check_same(both);
  both.packed.open();
  both.plain.open();
  check_same(both);
  // Nobody sets the key any more: nothing more is packed, and what is stays.
  both.packed.options.compress_after_us = 0;
  both.packed.open();
  CHECK(both.packed.pack() == 0);
  check_same(both);
  CHECK(both.packed.file->packed_sums().events == sums.events);
}

TEST_CASE("packed events: runs and types that are made anew are the same") {
  Both both;
  both.packed.pack();
  for (Kept* kept : {&both.plain, &both.packed}) {
    kept->file.reset();
    kept->run("DROP TABLE types; DROP TABLE runs; DROP TABLE tallies; DROP TABLE tallies_before; DROP TABLE curves; "
              "DROP TABLE chunks; DROP TABLE samples; DROP TABLE marks; DROP TABLE runs_state");
    kept->open();
    REQUIRE(kept->file->flush_runs().ok());
  }
  const auto made = tables_of(both.plain);
  CHECK(made.size() > 30);
  CHECK((tables_of(both.packed) == made));
  check_same(both);
}

TEST_CASE("packed events: a piece that is damaged is told and passed over, and nothing else is lost") {
  for (const char* damage : {"data=zeroblob(length(data))", "data=substr(data,1,length(data)-9)", "bytes=bytes-1", "bytes=1<<40", "data=x''",
                             "data=CAST('[[1]]' AS BLOB),bytes=5"}) {
    CAPTURE(damage);
    Both both;
    both.packed.pack();
    both.packed.file.reset();
    both.packed.run(std::string("UPDATE packed SET ") + damage + " WHERE first_seq=(SELECT max(first_seq) FROM packed WHERE first_seq<=1300)");
    const std::string range = rows_of(both.packed.options.path, "SELECT first_seq||' to '||last_seq FROM packed WHERE 1300 BETWEEN first_seq AND last_seq")[0];
    const std::uint64_t first = std::stoull(range), last = std::stoull(range.substr(range.find("to ") + 3));
    both.packed.open();
    const auto failed = both.packed.file->read(1300, 1);
    REQUIRE_FALSE(failed.ok());
    CHECK(failed.error().message.find("packed events " + range) != std::string::npos);
    // By the journal's thread, as clients get them.
    const SystemClock clock;
    const std::uint64_t rows = both.plain.file->rows();
    JournalThread thread(both.packed.options, clock, {[](std::function<void()> f) { f(); }, [](const JournalProgress&) {}});
    thread.start(std::move(both.packed.file), {"two", 2401}, kLast, "");
    for (const bool back : {false, true}) {
      std::uint64_t seq = back ? kLast : 1, got = 0, unreadable = 0;
      for (;;) {
        std::mutex mutex;
        std::optional<PastReader::Slice> slice;
        thread.read(seq, back, [&](PastReader::Slice s) {
          const std::lock_guard<std::mutex> lock(mutex);
          slice = std::move(s);
        });
        REQUIRE(testing_support::wait_until([&] {
          const std::lock_guard<std::mutex> lock(mutex);
          return slice.has_value();
        }));
        unreadable += slice->unreadable;
        if (slice->blocks.empty()) break;
        for (const BlockPtr& block : slice->blocks) {
          for (std::size_t i = 0; i < block->size(); ++i) got += back ? block->seq(i) <= seq : block->seq(i) >= seq;
        }
        const std::uint64_t end = back ? slice->blocks.front()->first_seq() : slice->blocks.back()->last_seq();
        if (back ? end == 1 : end == kLast) break;
        seq = back ? end - 1 : end + 1;
      }
      CHECK(got == rows - (last + 1 - first));
      CHECK(unreadable > 0);
    }
    REQUIRE(testing_support::wait_until([&] { return thread.status().errors > 0; }));  // told once a second
    CHECK(thread.status().problem.empty());
    thread.stop(kLast, 1'000'000);
    // Runs that are folded again, and types looked through, go on behind it.
    both.packed.run("DROP TABLE types; DROP TABLE runs_state");
    both.packed.open();
    CHECK(both.packed.places("trade_executed", 1, kLast)[0] <= 1);
  }
}

TEST_CASE("packed events: a copy holds them all") {
  Both both;
  both.packed.pack();
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  std::optional<Result<BackupDone>> done;
  JournalBackup backup(both.packed.options.path, "", [&](std::function<void()> f) {
    const std::lock_guard<std::mutex> lock(mutex);
    posted.push_back(std::move(f));
  });
  backup.begin(backup.path_of("copy").value(), [&](const Result<BackupDone>& result) { done = result; });
  REQUIRE(testing_support::wait_until([&] {
    const std::lock_guard<std::mutex> lock(mutex);
    for (const auto& f : posted) f();
    posted.clear();
    return done.has_value();
  }));
  REQUIRE(done->ok());
  CHECK(done->value().last_seq == kLast);
  CHECK((rows_of(done->value().file, every_column()) == both.plain.rows()));
  both.packed.options.path = done->value().file;
  both.packed.open();
  check_same(both);
}

TEST_CASE("packed events: the journal's thread packs by itself, beside what is written and read") {
  ScratchDirectory directory;
  JournalFileOptions options;
  options.path = directory.file("j");
  options.compress_after_us = 1;
  auto file = JournalFile::open(options);
  REQUIRE(file.ok());
  REQUIRE(file.value()->begin_epoch({"one", 1}, kPackedNow).ok());
  const SystemClock clock;
  JournalThread thread(options, clock, {[](std::function<void()> f) { f(); }, [](const JournalProgress&) {}});
  thread.start(std::move(file.value()), {"one", 1}, 0, "");
  Envelope event;
  event.type = "t";
  event.data = R"({"x":1})";
  const std::int64_t wall = clock.wall_us() - 3'600'000'000;
  BlockBuilder builder;
  for (std::uint64_t seq = 1; seq <= 20'000; ++seq) {
    builder.add(event, seq, wall + static_cast<std::int64_t>(seq));
    if (builder.size() < 500) continue;
    REQUIRE(thread.push(builder.seal(), 0));
  }
  REQUIRE(testing_support::wait_until([&] { return thread.status().packed.events == 19'456; }));
  const JournalStatus status = thread.status();
  CHECK(status.pieces_packed == status.packed.pieces);
  CHECK(status.packing_us > 0);
  CHECK(status.problem.empty());
  thread.stop(20'000, 1'000'000);
  CHECK(rows_of(options.path, "SELECT count(*)||' '||min(seq)||' '||max(seq) FROM events")[0] == "20000 1 20000");
}
