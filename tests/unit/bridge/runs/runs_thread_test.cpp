// The thread that answers about runs, in memory: how often it is woken, and that nothing waits for its gathering.
#include "runs/runs_thread.h"

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "run_events.h"
#include "support/wait.h"

using namespace bridge;
using testing_support::milliseconds;
using testing_support::wait_until;

namespace {

// Less than it gathers; with a sanitizer the work itself takes longer than that.
constexpr milliseconds kAtOnce{PPO_SANITIZED ? 60'000 : 90};
constexpr int kFillings = PPO_SANITIZED ? 2 : 10;

struct WorkingRuns {
  explicit WorkingRuns(std::size_t queue_bytes_max = 32u << 20)
      : thread({"", RunLimits(), queue_bytes_max}, clock,
               {[this](std::function<void()> f) {
                  const std::lock_guard<std::mutex> lock(mutex);
                  posted.push_back(std::move(f));
                },
                [](const RunQuery&, const std::function<void(RunsThread::Prepared)>& done) {
                  done(RunsThread::Prepared::read);
                }}) {}

  void run_posted() {
    std::vector<std::function<void()>> now;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      now.swap(posted);
    }
    for (const auto& f : now) f();
  }
  void push(std::uint64_t seq) {
    thread.push(run_block(seq, {run_event("scalar", R"({"tag":"loss","value":1,"step":)" + std::to_string(seq) + "}", "s", "r1")}));
  }

  const SystemClock clock;
  std::mutex mutex;
  std::vector<std::function<void()>> posted;
  RunsThread thread;
};

// How often the thread of that name has gone to sleep.
long sleeps_of_runs() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    if (name != "runs") continue;
    std::ifstream status(task.path() / "status");
    for (std::string word; status >> word;) {
      long count = 0;
      if (word == "voluntary_ctxt_switches:" && status >> count) return count;
    }
  }
  return -1;
}

}  // namespace

TEST_CASE("runs thread: events that come one by one do not wake it one by one") {
  WorkingRuns runs;
  REQUIRE(wait_until([] { return sleeps_of_runs() > 0; }));
  const long before = sleeps_of_runs();
  const auto begin = std::chrono::steady_clock::now();
  constexpr long kBlocks = 200;
  for (std::uint64_t seq = 1; seq <= kBlocks; ++seq) {
    runs.push(seq);
    std::this_thread::sleep_for(milliseconds{1});
  }
  const auto tenths = (std::chrono::steady_clock::now() - begin) / milliseconds{100};
  // Once to begin, once to fold, and where the lock was taken, for each tenth of a second.
  CHECK(sleeps_of_runs() - before <= 10 * (tenths + 1));
}

TEST_CASE("runs thread: a question is answered at once, and what waits is folded in first") {
  WorkingRuns runs;
  const auto asker = std::make_shared<int>();
  // Whatever the machine does meanwhile, one of many is answered sooner than it gathers.
  auto least = std::chrono::steady_clock::duration::max();
  for (std::uint64_t seq = 1; seq <= 20; ++seq) {
    runs.push(seq);
    bool answered = false;
    const auto begin = std::chrono::steady_clock::now();
    REQUIRE(runs.thread.ask(RunsQuery(), nullptr, asker, [&](const Result<RunAnswer, RequestError>& answer) {
      REQUIRE(answer.ok());
      CHECK_MESSAGE(answer.value().members.find(R"("since":{"seq":1,)") != std::string::npos, answer.value().members);
      answered = true;
    }));
    REQUIRE(wait_until([&] {
      runs.run_posted();
      return answered;
    }));
    least = std::min(least, std::chrono::steady_clock::now() - begin);
  }
  CHECK(least < kAtOnce);
}

TEST_CASE("runs thread: where much waits it does not gather, and nothing is missed") {
  constexpr std::size_t kRoom = 4 << 20;
  WorkingRuns runs(kRoom);
  std::uint64_t seq = 0;
  auto soonest = std::chrono::steady_clock::duration::max();
  for (int round = 0; round < kFillings; ++round) {
    REQUIRE(wait_until([&] { return runs.thread.memory_bytes() < kRoom / 4; }));
    const auto begin = std::chrono::steady_clock::now();
    while (runs.thread.memory_bytes() < kRoom / 4 + (64 << 10)) runs.push(++seq);
    REQUIRE(wait_until([&] { return runs.thread.memory_bytes() < kRoom / 4; }));
    soonest = std::min(soonest, std::chrono::steady_clock::now() - begin);
  }
  CHECK(soonest < kAtOnce);
}
