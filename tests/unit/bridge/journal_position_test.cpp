// How far a run had come, asked of a journal that is at work.

#include <doctest/doctest.h>

#include <mutex>

#include "fixture.h"
#include "store/journal.h"
#include "support/scratch_directory.h"
#include "support/wait.h"

using namespace bridge;
using testing_support::ScratchDirectory;
using testing_support::wait_until;

namespace {

// A journal on a thread of its own and the log's thread, which is the test's.
struct WorkingJournal {
  WorkingJournal()
      : journal(options(), clock, [this](std::function<void()> f) {
          const std::lock_guard<std::mutex> lock(mutex);
          posted.push_back(std::move(f));
        }) {
    log = std::make_unique<EventLog>(journal.open("e"), HistoryLimits{100, 1 << 20});
    journal.start(*log, [] {});
  }
  ~WorkingJournal() { journal.stop(5'000'000); }

  JournalFileOptions options() const {
    JournalFileOptions o;
    o.path = directory.file("j");
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

  ScratchDirectory directory;
  SystemClock clock;
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
