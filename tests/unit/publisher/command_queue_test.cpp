// Commands that wait.
#include "command_queue.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

using ppo::CommandQueue;
using std::chrono::milliseconds;
using Clock = CommandQueue::Clock;

namespace {

ppo::WaitingCommand waiting(const std::string& id, Clock::time_point deadline) {
  ppo::WaitingCommand command;
  command.command.id = id;
  command.command.deadline = deadline;
  return command;
}

}  // namespace

TEST_CASE("command queue: takes so many and no more, and none once closed") {
  CommandQueue queue;
  const auto later = Clock::now() + std::chrono::hours(1);
  for (std::size_t i = 0; i < ppo::kCommandsWaitingMax; ++i) {
    CHECK(queue.offer(waiting(std::to_string(i), later)));
  }
  CHECK_FALSE(queue.offer(waiting("x", later)));
  CHECK(queue.claim()->command.id == "0");
  CHECK(queue.offer(waiting("x", later)));
  queue.close();
  CHECK_FALSE(queue.offer(waiting("y", later)));
  CHECK(queue.take_all().size() == ppo::kCommandsWaitingMax);
  CHECK_FALSE(queue.claim());
}

TEST_CASE("command queue: an expired command is taken out and cannot be claimed") {
  CommandQueue queue;
  const auto now = Clock::now();
  CHECK_FALSE(queue.next_deadline());
  REQUIRE(queue.offer(waiting("late", now + milliseconds(10))));
  REQUIRE(queue.offer(waiting("good", now + milliseconds(30))));
  REQUIRE(queue.offer(waiting("last", now + milliseconds(20))));
  CHECK(queue.next_deadline() == now + milliseconds(10));
  CHECK(queue.take_expired(now).empty());
  const auto expired = queue.take_expired(now + milliseconds(20));
  REQUIRE(expired.size() == 2);
  CHECK(expired[0].command.id == "late");
  CHECK(expired[1].command.id == "last");
  CHECK(queue.claim()->command.id == "good");
  CHECK_FALSE(queue.claim());
}

TEST_CASE("command queue: waiting ends with a command, with the time, or with close()") {
  CommandQueue queue;
  CHECK_FALSE(queue.wait(milliseconds(1)));
  std::thread sender(
      [&] { static_cast<void>(queue.offer(waiting("a", Clock::now() + std::chrono::hours(1)))); });
  CHECK(queue.wait(std::chrono::minutes(1)));
  sender.join();
  CHECK(queue.claim());
  std::thread closer([&] { queue.close(); });
  CHECK_FALSE(queue.wait(std::chrono::minutes(1)));
  CHECK(queue.closed());
  closer.join();
}

TEST_CASE("command queue: each command leaves once, however many claim and expire at a time") {
  CommandQueue queue;
  constexpr int kCommands = 5000;
  std::atomic<int> out{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      while (!done) {
        if (queue.claim()) ++out;
      }
    });
  }
  threads.emplace_back([&] {
    while (!done) out += static_cast<int>(queue.take_expired(Clock::now()).size());
  });
  for (int i = 0; i < kCommands;) {
    if (queue.offer(waiting(std::to_string(i), Clock::now()))) ++i;
  }
  while (out < kCommands) std::this_thread::yield();
  done = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(out == kCommands);
}
