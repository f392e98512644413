// The audit log: what a line says, what is collapsed, how much there is on disk, and what is read of it.

#include "audit/audit.h"

#include <doctest/doctest.h>

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <mutex>
#include <sstream>
#include <vector>

#include "support/scratch_directory.h"
#include "support/wait.h"

using namespace bridge;
using namespace testing_support;

namespace {

AuditEntry entry(const char* what, const std::string& remote, const std::string& outcome = "success") {
  AuditEntry made;
  made.what = what;
  made.remote = remote;
  made.outcome = outcome;
  return made;
}

std::string contents(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string line(int n) { return "{\"n\":" + std::to_string(n) + ",\"pad\":\"" + std::string(80, 'x') + "\"}\n"; }

long bytes_of(const std::string& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 ? about.st_size : -1;
}

}  // namespace

TEST_CASE("audit: a line hides nothing that is in it, and holds no token") {
  AuditEntry e = entry("command", "10.0.0.7:5123", "forbidden");
  e.name = "alice";
  e.credential = "k7q2m9xa";
  e.client = "a\nb\x7f\u202Etxt\u200B\u0085\xF0\x9F\x98\x80";
  e.command = "pause";
  e.target = "ppo1_k7q2m9xa_AAAA-BB_c and ppo1ppo1__x";
  CHECK(audit_line(e, 1'619'395'200'251'003) ==
        "{\"t\":1619395200.251003,\"what\":\"command\",\"name\":\"alice\",\"credential\":\"k7q2m9xa\","
        "\"remote\":\"10.0.0.7:5123\",\"client\":\"a\\nb\\u007f\\u202etxt\\u200b\\u0085\xF0\x9F\x98\x80\",\"command\":\"pause\","
        "\"target\":\"(token) and ppo1(token)\",\"outcome\":\"forbidden\"}\n");
  e.client = "\xff\xfe";
  CHECK(audit_line(e, -5, 7).find("\"client\":\"\\\\xff\\\\xfe\"") != std::string::npos);
  CHECK(audit_line(e, -5, 7).find("\"outcome\":\"forbidden\",\"more\":7}\n") != std::string::npos);
  for (std::string* text : {&e.name, &e.credential, &e.remote, &e.client, &e.command, &e.target, &e.outcome}) {
    for (int i = 0; i < 10'000; ++i) *text += "\u202E";
  }
  CHECK(audit_line(e, 0).size() < 12 * 1024);
}

TEST_CASE("audit: what is refused is told once a second and address, and then how many more") {
  AuditCollapse collapse;
  CHECK_FALSE(collapse.take(entry("refused", "10.0.0.7:1"), 0, 0).empty());
  for (int i = 0; i < 1000; ++i) CHECK(collapse.take(entry("refused", "10.0.0.7:" + std::to_string(i)), 0, 1).empty());
  CHECK_FALSE(collapse.take(entry("refused", "10.0.0.8:1"), 0, 2).empty());
  CHECK_FALSE(collapse.take(entry("refused", "[2001:db8::1]:1"), 0, 2).empty());
  CHECK(collapse.take(entry("refused", "[2001:db8::ffff]:2"), 0, 2).empty());
  CHECK_FALSE(collapse.take(entry("refused", "[2001:db8:0:1::1]:1"), 0, 2).empty());
  CHECK(collapse.tick(0, 999'999).empty());
  const std::string more = collapse.tick(0, 1'000'010);
  CHECK(more.find("10.0.0.7:1\"") != std::string::npos);
  CHECK(more.find("\"more\":1000}") != std::string::npos);
  CHECK(more.find("10.0.0.8") == std::string::npos);
  // Another second, another line.
  CHECK_FALSE(collapse.take(entry("refused", "10.0.0.8:1"), 0, 1'100'000).empty());
  CHECK(collapse.take(entry("refused", "10.0.0.7:1"), 0, 1'100'000).empty());
  CHECK(collapse.tick(0, 2'000'010).find("\"more\":1}") != std::string::npos);
}

TEST_CASE("audit: what did something always has a line of its own; who asks a thousand times has one") {
  AuditCollapse collapse;
  AuditEntry pause = entry("command", "10.0.0.7:1");
  pause.command = "pause";
  AuditEntry status = pause;
  status.command = "get_status";
  CHECK_FALSE(collapse.take(status, 0, 0).empty());
  for (int i = 0; i < 100; ++i) {
    CHECK_FALSE(collapse.take(pause, 0, 0).empty());
    CHECK(collapse.take(status, 0, 0).empty());
  }
  pause.outcome = "timeout";
  CHECK_FALSE(collapse.take(pause, 0, 0).empty());
  CHECK_FALSE(collapse.take(pause, 0, 0).empty());
  // Whoever may not do it chooses all that is in his lines.
  pause.outcome = "forbidden";
  CHECK_FALSE(collapse.take(pause, 0, 0).empty());
  pause.target = "another";
  CHECK(collapse.take(pause, 0, 0).empty());
}

TEST_CASE("audit: however many addresses there are, the lines of a second are bounded") {
  AuditCollapse collapse;
  std::size_t lines = 0;
  for (int i = 0; i < 10'000; ++i) {
    lines += collapse.take(entry("refused", "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ":1"), 0, 0).empty() ? 0 : 1;
  }
  CHECK(lines == AuditCollapse::kKindsMax);
  const std::string more = collapse.tick(0, 1'000'000);
  CHECK(std::count(more.begin(), more.end(), '\n') == 1);
  CHECK(more.find("\"more\":" + std::to_string(10'000 - AuditCollapse::kKindsMax)) != std::string::npos);
}

TEST_CASE("audit: files are put away, never grow beyond their size, and nobody else reads them") {
  const ScratchDirectory scratch;
  const std::string path = scratch.file("audit");
  std::ofstream(path) << line(-1);
  ::chmod(path.c_str(), 0644);
  AuditFile file({path, 4096, 3});
  REQUIRE(file.open());
  struct stat about {};
  REQUIRE(::stat(path.c_str(), &about) == 0);
  CHECK((about.st_mode & 0777) == 0600);
  std::string batch;
  for (int n = 0; n < 500; ++n) {
    batch += line(n);
    if (n % 7 != 0) continue;
    CHECK(file.append(batch) == 0);
    batch.clear();
  }
  for (const char* name : {"audit", "audit.1", "audit.2"}) {
    CHECK(bytes_of(scratch.file(name)) > 0);
    CHECK(bytes_of(scratch.file(name)) <= 4096);
  }
  CHECK(bytes_of(scratch.file("audit.3")) == -1);
  // All that is there is read, each line once, the newest first, while files are put away.
  int expected = 497;
  std::string before;
  do {
    const AuditFile::Page page = file.read(before, 5);
    for (const std::string& got : page.lines) CHECK(got + "\n" == line(expected--));
    before = page.before;
    if (expected == 487) {
      for (int n = 0; n < 40; ++n) file.append(line(1000 + n));
    }
  } while (!before.empty());
  CHECK(expected < 480);
  CHECK(file.read("nonsense", 5).lines.empty());
  CHECK(file.read("1:5", 5).lines.empty());
}

TEST_CASE("audit: a file of more lines than a page is read to its beginning") {
  const ScratchDirectory scratch;
  AuditFile file({scratch.file("audit"), 10 << 20, 1});
  REQUIRE(file.open());
  std::string all;
  for (int n = 0; n < 10'000; ++n) all += line(n);
  CHECK(file.append(all) == 0);
  int expected = 9'999;
  std::string before;
  do {
    const AuditFile::Page page = file.read(before, 5000);
    for (const std::string& got : page.lines) {
      if (got + "\n" != line(expected)) FAIL(got);
      --expected;
    }
    before = page.before;
  } while (!before.empty());
  CHECK(expected == -1);
}

TEST_CASE("audit: a full disk is counted and said, and one that has gone is found again") {
  AuditFile full({"/dev/full", 4096, 3});
  REQUIRE(full.open());
  CHECK(full.append(line(1) + line(2)) == 2);
  CHECK(full.problem() == "cannot be written: No space left on device");
  const ScratchDirectory scratch;
  const std::string path = scratch.file("audit");
  AuditFile file({path, 4096, 3});
  REQUIRE(file.open());
  std::rename(path.c_str(), scratch.file("elsewhere").c_str());
  CHECK(file.append(line(1)) == 0);
  CHECK(contents(path) == line(1));
  std::rename(path.c_str(), scratch.file("elsewhere").c_str());
  std::ofstream(path) << line(7);
  CHECK(file.append(line(8)) == 0);
  CHECK(contents(path) == line(7) + line(8));
  CHECK_FALSE(AuditFile({scratch.file("no/where"), 4096, 3}).open());
}

TEST_CASE("audit: lines are written by a thread of its own, and what its queue has no room for is counted and told") {
  const ScratchDirectory scratch;
  const SystemClock clock;
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  AuditOptions options;
  options.file = {scratch.file("audit"), 1 << 20, 3};
  options.queue_bytes_max = 4096;
  options.post = [&](std::function<void()> f) {
    const std::lock_guard<std::mutex> lock(mutex);
    posted.push_back(std::move(f));
  };
  std::uint64_t recorded = 0;
  {
    Audit audit(options, clock);
    REQUIRE(audit.start());
    AuditEntry pause = entry("command", "10.0.0.7:1");
    pause.command = "pause";
    for (; audit.counts().left_out == 0 && recorded < 5'000'000; ++recorded) audit.record(pause);
    CHECK(audit.counts().left_out != 0);
    CHECK(wait_until([&] { return contents(options.file.path).find("\"what\":\"lost\"") != std::string::npos; }));
    // Somebody wrote into it.
    std::ofstream(options.file.path, std::ios::app) << "rubbish\n[1]\n{\"a\":\n{\"own\":1}\n";
    std::string got;
    REQUIRE(audit.ask("", 4, [&](const std::string& json) { got = json; }));
    CHECK(wait_until([&] {
      const std::lock_guard<std::mutex> lock(mutex);
      return !posted.empty();
    }));
    posted.front()();
    CHECK(got.substr(0, 25) == "{\"entries\":[{\"own\":1}],\"b");
    const AuditCounts counts = audit.counts();
    CHECK(counts.lines + counts.left_out == recorded + 1);
  }
  AuditFile file(options.file);
  CHECK_FALSE(file.read("", 1).lines.empty());
}
