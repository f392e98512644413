// Commands that wait for a handler to run, between the thread that takes them in and those that run
// them.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include <ppo_publisher/commands.h>

namespace ppo {

struct WaitingCommand {
  Command command;
  std::shared_ptr<const CommandHandler> handler;
  std::uint64_t connection = 0;  // over which it came
  std::string idempotency_key;   // empty: it may be done again
};

// Thread-safe. A command leaves it exactly once: claimed to be run, or taken out to be refused. So
// what was refused never runs, and the other way round.
class CommandQueue {
 public:
  using Clock = std::chrono::steady_clock;

  // Takes a command in; false where kCommandsWaitingMax wait already, or after close().
  [[nodiscard]] bool offer(WaitingCommand&& command);

  // The one that came first, for the caller to run and answer. Next to free where none waits.
  std::optional<WaitingCommand> claim();

  // Waits for a command to come, for `timeout` at most and no longer than to close(); true where
  // one waits.
  bool wait(std::chrono::milliseconds timeout);
  bool closed() const;

  // Takes out those whose deadline has passed.
  std::vector<WaitingCommand> take_expired(Clock::time_point now);
  // The first deadline of those that wait.
  std::optional<Clock::time_point> next_deadline() const;

  // Takes out all.
  std::vector<WaitingCommand> take_all();

  // Takes in no more, and wakes who waits. Idempotent.
  void close();

 private:
  std::atomic<std::size_t> waiting_{0};  // as commands_.size()
  mutable std::mutex mutex_;             // guards all below
  std::condition_variable changed_;
  std::deque<WaitingCommand> commands_;
  bool closed_ = false;
};

}  // namespace ppo
