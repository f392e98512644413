// A journal at work, with its thread.

#include <doctest/doctest.h>

#include <atomic>
#include <filesystem>
#include <mutex>

#include "fixture.h"
#include "store/journal.h"
#include "support/scratch_directory.h"
#include "support/wait.h"

using namespace bridge;
using testing_support::ScratchDirectory;
using testing_support::wait_until;

namespace {

// The machine's clocks, and what the test has put on top of them.
struct ShiftedClock final : Clock {
  std::int64_t wall_us() const override { return system.wall_us() + wall_ahead_us; }
  std::int64_t steady_us() const override { return system.steady_us() + steady_ahead_us; }
  SystemClock system;
  std::atomic<std::int64_t> wall_ahead_us{0};
  std::atomic<std::int64_t> steady_ahead_us{0};
};

// A journal on a thread of its own and the log's thread, which is the test's.
struct WorkingJournal {
  explicit WorkingJournal(const JournalFileOptions& wanted = {}, std::int64_t wall_ahead_us = 0)
      : base(wanted), journal(options(), clock, [this](std::function<void()> f) {
          const std::lock_guard<std::mutex> lock(mutex);
          posted.push_back(std::move(f));
        }) {
    clock.wall_ahead_us = wall_ahead_us;
    log = std::make_unique<EventLog>(journal.open("e"), HistoryLimits{100, 1 << 20});
    journal.start(*log, [] {});
  }
  ~WorkingJournal() { journal.stop(5'000'000); }

  JournalFileOptions options() const {
    JournalFileOptions o = base;
    if (o.path.empty()) o.path = directory.file("j");
    o.age_max_us = 7ll * 86'400 * 1'000'000;
    return o;
  }
  void run_posted() {
    std::vector<std::function<void()>> now;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      now.swap(posted);
    }
    for (const auto& f : now) f();
  }
  void event(const std::string& run, std::uint64_t source_seq) {
    const std::string body = R"({"type":"t","data":{},"source":"s","run":")" + run +
                             R"(","source_seq":)" + std::to_string(source_seq) + "}";
    REQUIRE(parser.parse(body) == Reject::none);
    log->append(parser.envelope(), clock.wall_us());
  }
  // Appends events of about `bytes` in all and waits until the journal has them, or says `problem()`.
  void write(std::size_t bytes) {
    Envelope event;
    const std::string data = R"({"x":")" + std::string(10'000, 'x') + "\"}";
    event.type = "t";
    event.data = data;
    for (std::size_t done = 0; done < bytes; done += 300'000) {
      for (int i = 0; i < 30; ++i) log->append(event, clock.wall_us());
      REQUIRE(wait_until([&] {
        run_posted();
        journal.pump();
        return journal.committed_seq() == log->last_seq() || !journal.problem().empty();
      }));
      clock.steady_ahead_us += 2'000'000;  // SQLite's log is looked after once a second
    }
  }
  // Appends an event and waits until it is in the file and the thread has looked after the file's age, twice:
  // then what was to be done before the first is done.
  void event_twice() {
    for (int i = 0; i < 2; ++i) {
      event("r", log->last_seq() + 1);
      clock.wall_ahead_us += 2'000'000;
      clock.steady_ahead_us += 2'000'000;
      REQUIRE(wait_until([&] {
        run_posted();
        journal.pump();
        return journal.committed_seq() == log->last_seq();
      }));
    }
  }
  std::optional<std::uint64_t> position(const std::string& run) {
    std::optional<std::uint64_t> found;
    bool answered = false;
    journal.find_position("s", run, [&](std::optional<std::uint64_t> seq) {
      found = seq;
      answered = true;
    });
    CHECK_FALSE(answered);
    REQUIRE(wait_until([&] {
      run_posted();
      return answered;
    }));
    return found;
  }

  JournalFileOptions base;
  ScratchDirectory directory;
  ShiftedClock clock;
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  EnvelopeParser parser{1 << 16};
  std::unique_ptr<EventLog> log;
  Journal journal;
};

}  // namespace

TEST_CASE("journal position: what is not written yet counts, and a run that never was is none") {
  WorkingJournal at;
  CHECK_FALSE(at.position("a"));
  at.event("a", 5);  // in the open block
  CHECK(at.position("a") == 5);
  for (std::uint64_t n = 1; n <= 500; ++n) at.event("b", n);
  at.event("a", 6);
  CHECK(at.position("b") == 500);
  CHECK(at.position("a") == 6);
  CHECK_FALSE(at.position("c"));
}

TEST_CASE("journal position: a file that cannot be written does not make it forget") {
  WorkingJournal at;
  at.event("old", 3);
  CHECK(at.position("old") == 3);
  Database other(at.options().path);
  other.run("PRAGMA busy_timeout=60000");  // the journal may write just now
  other.run("BEGIN IMMEDIATE");  // nobody else writes now
  at.event("a", 8);
  at.event("old", 4);
  at.log->seal();
  REQUIRE(wait_until([&] {
    at.run_posted();
    at.journal.pump();
    return !at.journal.problem().empty();
  }));
  at.event("b", 2);
  CHECK(at.position("a") == 8);
  CHECK(at.position("old") == 4);
  CHECK(at.position("b") == 2);
  CHECK_FALSE(at.position("c"));
  other.run("ROLLBACK");
}

TEST_CASE("journal thread: a clock that is a month ahead for a moment takes nothing from the journal") {
  constexpr std::int64_t kMonthUs = 30ll * 86'400 * 1'000'000;
  WorkingJournal at;
  for (int i = 0; i < 50; ++i) at.event_twice();
  at.clock.wall_ahead_us += kMonthUs;
  at.event_twice();
  CHECK(at.journal.status().rows_trimmed == 0);
  CHECK(at.log->epochs().size() == 1);
  at.clock.wall_ahead_us -= kMonthUs;
  at.event_twice();
  CHECK(at.journal.status().rows_trimmed == 0);
  CHECK(at.log->epochs().size() == 2);
  // Where it stays ahead, that is the time.
  at.clock.wall_ahead_us += kMonthUs;
  at.event_twice();
  CHECK(at.journal.status().rows_trimmed == 0);
  at.clock.wall_ahead_us += 601'000'000;
  at.clock.steady_ahead_us += 601'000'000;
  REQUIRE(wait_until([&] {
    at.event_twice();
    return at.journal.status().rows_trimmed >= 100;
  }));
}

TEST_CASE("journal thread: what a clock that was ahead at the start would take waits for ten minutes") {
  constexpr std::int64_t kMonthUs = 30ll * 86'400 * 1'000'000;
  constexpr std::int64_t kDoubtUs = 601'000'000;
  ScratchDirectory directory;
  JournalFileOptions options;
  options.path = directory.file("j");
  {
    WorkingJournal before(options);
    for (int i = 0; i < 50; ++i) before.event_twice();
  }
  WorkingJournal at(options, kMonthUs);
  at.event_twice();
  CHECK(at.journal.status().rows_trimmed == 0);
  at.clock.wall_ahead_us += kDoubtUs;
  at.clock.steady_ahead_us += kDoubtUs;
  REQUIRE(wait_until([&] {
    at.event_twice();
    return at.journal.status().rows_trimmed >= 100;
  }));
}

TEST_CASE("journal thread: an epoch that begins with the bridge at work is in the file") {
  ScratchDirectory directory;
  JournalFileOptions options;
  {
    WorkingJournal at;
    options = at.options();
    std::filesystem::create_hard_link(options.path, directory.file("j"));  // outlives it
    at.event_twice();
    at.clock.wall_ahead_us -= 3'600'000'000;
    at.event_twice();
    REQUIRE(at.log->epochs().size() == 2);
  }
  options.path = directory.file("j");
  auto file = JournalFile::open(options);
  REQUIRE(file.ok());
  const JournalContents& contents = file.value()->contents();
  REQUIRE(contents.epochs.size() == 2);
  CHECK(contents.epochs[0].epoch == "e");
  CHECK(contents.epochs[1].first_seq == 3);
  CHECK(contents.epochs[1].goes_on);
  CHECK(contents.clean);
  CHECK(contents.last_seq == 4);
}

TEST_CASE("journal thread: a reader that stays bounds what is written, and is told; then it goes on") {
  JournalFileOptions wanted;
  wanted.log_bytes_max = 1 << 20;
  wanted.bytes_max = 3 << 20;
  WorkingJournal at(wanted);
  at.write(100'000);
  Database reader(at.options().path, Database::Mode::read);
  reader.run("BEGIN");
  CHECK(reader.number("SELECT count(*) FROM events") == 30);
  at.write(1'800'000);
  CHECK(at.journal.status().wal_is_held);
  CHECK(at.journal.status().wal_held == 1);
  CHECK(at.journal.problem().empty());
  at.write(5'000'000);
  CHECK(at.journal.status().wal_bytes < 4'000'000);
  CHECK(at.journal.problem().find("another program reads it in one transaction") != std::string::npos);
  reader.run("ROLLBACK");
  REQUIRE(wait_until([&] {
    at.clock.steady_ahead_us += 2'000'000;
    at.run_posted();
    at.journal.pump();
    return at.journal.problem().empty() && at.journal.committed_seq() == at.log->last_seq();
  }));
  at.write(100'000);
  CHECK(at.journal.status().wal_bytes < 3'000'000);
  CHECK_FALSE(at.journal.status().wal_is_held);
}
