#include "store/journal_backup.h"

#include <doctest/doctest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "support/scratch_directory.h"

using namespace bridge;
using namespace testing_support;

namespace {

// A journal of some rows, and the log's thread, which is the test's.
struct BackedUp {
  ScratchDirectory place;
  std::string folder = place.path();
  std::string journal = folder + "/journal.db";
  std::mutex mutex;
  std::condition_variable posted;
  std::function<void()> what;

  explicit BackedUp(int rows = 1'000) {
    Database db(journal);
    db.run("PRAGMA journal_mode=WAL; CREATE TABLE events(seq INTEGER PRIMARY KEY, body TEXT); PRAGMA user_version=7;");
    db.run("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<" + std::to_string(rows) +
           ") INSERT INTO events SELECT i, printf('%400d', i) FROM n;");
  }
  JournalBackup backup(const std::string& to = "") {
    return JournalBackup(journal, to, [this](std::function<void()> f) {
      const std::lock_guard<std::mutex> lock(mutex);
      what = std::move(f);
      posted.notify_one();
    });
  }
  Result<BackupDone> run(JournalBackup& backup, const std::string& path) {
    std::optional<Result<BackupDone>> got;
    backup.begin(path, [&got](const Result<BackupDone>& done) { got = done; });
    CHECK(backup.busy());
    std::unique_lock<std::mutex> lock(mutex);
    posted.wait(lock, [this] { return what != nullptr; });
    std::exchange(what, nullptr)();
    CHECK_FALSE(backup.busy());
    return *got;
  }
};

}  // namespace

TEST_CASE("journal backup: a copy goes into its folder only, under a name that is nothing of the journal's") {
  BackedUp b;
  const JournalBackup backup = b.backup();
  for (const char* const bad : {"", ".", "..", ".hidden", "/etc/copy", "../copy", "journal.db-wal", "journal.db-shm", "no/such/copy"}) {
    CAPTURE(bad);
    CHECK_FALSE(backup.path_of(bad));
  }
  CHECK_FALSE(backup.path_of(std::string(300, 'a')));
  CHECK_FALSE(backup.path_of(std::string("a\0b", 3)));
  CHECK_FALSE(backup.path_of(b.folder + "/"));
  const std::string real = std::filesystem::canonical(b.folder).string();
  CHECK(backup.path_of("copy.db").value() == real + "/copy.db");
  CHECK(backup.path_of(b.folder + "/./copy.db").value() == real + "/copy.db");
  CHECK(backup.path_of("/etc/copy").error().message.find("file is \"/etc/copy\"; must be a name, or a path in ") == 0);
  CHECK_FALSE(b.backup("/no/such/folder").path_of("copy.db"));
}

TEST_CASE("journal backup: the copy is the journal as of one moment, though somebody writes on") {
  BackedUp b;
  JournalBackup backup = b.backup();
  const std::string path = backup.path_of("copy.db").value();
  Database writer(b.journal);
  writer.run("BEGIN IMMEDIATE; INSERT INTO events VALUES(1001,'under way');");
  const auto done = b.run(backup, path);
  writer.run("COMMIT");
  REQUIRE(done);
  CHECK(done.value().last_seq == 1'000);
  CHECK(done.value().bytes == std::filesystem::file_size(path));
  struct stat file {};
  REQUIRE(::stat(path.c_str(), &file) == 0);
  CHECK((file.st_mode & 0777) == 0600);
  Database copy(path, Database::Mode::read);
  CHECK(*copy.number("SELECT count(*) FROM events") == 1'000);
  CHECK(*copy.number("PRAGMA user_version") == 7);
  CHECK(*copy.number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check='ok'") == 1);
}

TEST_CASE("journal backup: what is there already is never written over, nor is a link followed") {
  BackedUp b;
  JournalBackup backup = b.backup();
  std::ofstream(b.folder + "/mine") << "mine";
  std::filesystem::create_symlink(b.folder + "/nowhere", b.folder + "/link");
  for (const char* const name : {"mine", "link", "journal.db"}) {
    const auto done = b.run(backup, backup.path_of(name).value());
    REQUIRE_FALSE(done);
    CHECK(done.error().message.find("it is there already") != std::string::npos);
  }
  CHECK(std::filesystem::file_size(b.folder + "/mine") == 4);
  CHECK_FALSE(std::filesystem::exists(b.folder + "/nowhere"));
  CHECK(std::filesystem::exists(b.journal));
}

TEST_CASE("journal backup: nothing is left of one that fails, or that is given up") {
  BackedUp broken;
  JournalBackup backup = broken.backup();
  std::filesystem::remove(broken.journal);
  const std::string path = backup.path_of("copy.db").value();
  CHECK_FALSE(broken.run(backup, path));
  CHECK_FALSE(std::filesystem::exists(path));

  BackedUp large(200'000);
  std::string begun;
  {
    JournalBackup given_up = large.backup();
    begun = given_up.path_of("copy.db").value();
    given_up.begin(begun, [](const Result<BackupDone>&) {});
  }
  // Had it come to its end before, it is whole.
  if (std::filesystem::exists(begun)) CHECK(*Database(begun, Database::Mode::read).number("SELECT count(*) FROM events") == 200'000);
}
