#include "base/log.h"

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <thread>

#include "support/scratch_directory.h"
#include "support/wait.h"

using namespace bridge;
using namespace testing_support;

namespace {

// Puts a pipe of a page in the place of stderr, and the old logger back at the end.
class PipedLog {
 public:
  explicit PipedLog(const LogOptions& options = {}, bool options_journal = false) {
    std::signal(SIGPIPE, SIG_IGN);
    REQUIRE(::pipe(ends_) == 0);
    ::fcntl(ends_[1], F_SETPIPE_SZ, 4096);
    ::dup2(ends_[1], STDERR_FILENO);
    ::close(ends_[1]);
    if (options_journal) {
      struct stat file {};
      REQUIRE(::fstat(STDERR_FILENO, &file) == 0);
      ::setenv("JOURNAL_STREAM", (std::to_string(file.st_dev) + ":" + std::to_string(file.st_ino)).c_str(), 1);
    }
    REQUIRE(init_log(options));
    ::unsetenv("JOURNAL_STREAM");
  }
  ~PipedLog() {
    ::close(ends_[0]);  // a write that is stuck ends with EPIPE
    end_log();
    ::dup2(stderr_, STDERR_FILENO);
    ::close(stderr_);
    spdlog::set_default_logger(logger_);
  }

  // Reads until `text` has come.
  std::string read_until(const std::string& text) {
    std::string all;
    std::string part(65536, '\0');
    while (all.find(text) == std::string::npos) {
      const auto n = ::read(ends_[0], part.data(), part.size());
      if (n <= 0) break;
      all.append(part, 0, static_cast<std::size_t>(n));
    }
    return all;
  }

 private:
  const std::shared_ptr<spdlog::logger> logger_ = spdlog::default_logger();
  const int stderr_ = ::dup(STDERR_FILENO);
  int ends_[2] = {-1, -1};
};

constexpr int kLines = 20'000;

void log_lines() {
  for (int i = 0; i < kLines; ++i) spdlog::info("{} {}", i, std::string(100, 'x'));
}

}  // namespace

TEST_CASE("log: each line has the name of its event, and is one line whatever it quotes") {
  PipedLog log;
  log_warn("bot_cut_off", "a bot\nof {}", "two lines");
  const std::string text = log.read_until("two lines\n");
  CHECK(text.find(" warning bot_cut_off: a bot of two lines\n") == 29);  // behind the time
}

TEST_CASE("log: as JSON a line is an object, in UTF-8 whatever was logged") {
  LogOptions options;
  options.json = true;
  PipedLog log(options);
  log_info("stopping", "\"{}\"\n", "\x01");
  log_error("journal_failed", "/tmp/\xff");
  const std::string text = log.read_until("xff\"}\n");
  const std::string first = text.substr(0, text.find('\n'));
  CHECK(first.find("{\"timestamp\":1") == 0);
  CHECK(first.find(R"(,"level":"info","event":"stopping","message":"\"\u0001\"\n"})") != std::string::npos);
  CHECK(text.find(R"("level":"error","event":"journal_failed","message":"/tmp/\\xff"})") != std::string::npos);
}

TEST_CASE("log: the service manager's journal is told the priority, and not the time that it has itself") {
  PipedLog log({}, true);
  log_error("a", "one");
  log_warn("b", "two");
  log_info("c", "three");
  CHECK(log.read_until("three\n") == "<3>error a: one\n<4>warning b: two\n<6>info c: three\n");
}

TEST_CASE("log: another stream than the one that is the journal's is told the time") {
  ::setenv("JOURNAL_STREAM", "0:0", 1);
  PipedLog log;
  log_info("c", "three");
  CHECK(log.read_until("three\n").find(" info c: three\n") == 29);
}

TEST_CASE("log: who logs does not wait for a stderr that nobody reads; what is dropped is told") {
  PipedLog log;
  log_lines();
  std::thread later([] {
    // Until there is room for it.
    for (auto before = log_lines_dropped();; before = log_lines_dropped()) {
      spdlog::info("the last");
      if (log_lines_dropped() == before) return;
      std::this_thread::sleep_for(milliseconds{2});
    }
  });
  std::istringstream text(log.read_until("the last\n"));
  later.join();
  std::uint64_t lines = 0;
  std::uint64_t told = 0;
  for (std::string line; std::getline(text, line);) {
    const std::size_t notice = line.find(" lines of the log were dropped");
    if (notice != std::string::npos) {
      told += std::stoull(line.substr(line.rfind(' ', notice - 1)));
    } else if (line.find("xxx") != std::string::npos) {
      ++lines;
    }
  }
  CHECK(told == log_lines_dropped());
  CHECK(lines < kLines);
  CHECK(lines + told >= kLines);
}

TEST_CASE("log: it ends whether or not anybody reads") {
  PipedLog log;
  log_lines();
  end_log();
  CHECK(log_lines_dropped() > 0);
}

TEST_CASE("log: a file has all lines of a stderr that is stuck, and is rotated between lines") {
  const ScratchDirectory scratch;
  LogOptions options;
  options.file = scratch.file("log");
  options.file_bytes_max = 4096;
  options.files_max = 1000;
  PipedLog log(options);
  constexpr int kFew = 500;
  for (int i = 0; i < kFew; ++i) log_info("line", "{} {}", i, std::string(100, 'x'));
  end_log();
  int lines = 0;
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path())) {
    CHECK(entry.file_size() <= 4096);
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line); ++lines) {
      CHECK(line.find(" info line: ") != std::string::npos);
    }
  }
  CHECK(lines == kFew);
}

TEST_CASE("log: a line comes through once an interval, and what was held back is told after it") {
  LogLimiter limiter;
  CHECK(limiter.take_held_back(5'000'000) == 0);
  CHECK(limiter.allow(-2'000'000));
  CHECK(limiter.allow(0));
  CHECK_FALSE(limiter.allow(1));
  CHECK_FALSE(limiter.allow(999'999));
  CHECK(limiter.take_held_back(999'999) == 0);
  CHECK(limiter.take_held_back(1'000'000) == 2);
  CHECK(limiter.take_held_back(1'000'000) == 0);
  CHECK(limiter.allow(1'000'000));
  CHECK_FALSE(limiter.allow(1'000'001));
}
