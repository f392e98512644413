#include "command_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "deadline.h"

namespace ppo {

bool CommandQueue::offer(WaitingCommand&& command) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_ || commands_.size() >= kCommandsWaitingMax) return false;
    commands_.push_back(std::move(command));
    waiting_ = commands_.size();
  }
  changed_.notify_one();
  return true;
}

std::optional<WaitingCommand> CommandQueue::claim() {
  if (waiting_ == 0) return std::nullopt;
  const std::lock_guard lock(mutex_);
  if (commands_.empty()) return std::nullopt;
  std::optional<WaitingCommand> first(std::move(commands_.front()));
  commands_.pop_front();
  waiting_ = commands_.size();
  return first;
}

bool CommandQueue::wait(std::chrono::milliseconds timeout) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, after(timeout), [this] { return closed_ || !commands_.empty(); });
  return !commands_.empty();
}

bool CommandQueue::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

std::vector<WaitingCommand> CommandQueue::take_expired(Clock::time_point now) {
  std::vector<WaitingCommand> expired;
  const std::lock_guard lock(mutex_);
  const auto late = std::stable_partition(
      commands_.begin(), commands_.end(),
      [now](const WaitingCommand& waiting) { return waiting.command.deadline > now; });
  std::move(late, commands_.end(), std::back_inserter(expired));
  commands_.erase(late, commands_.end());
  waiting_ = commands_.size();
  return expired;
}

std::optional<CommandQueue::Clock::time_point> CommandQueue::next_deadline() const {
  const std::lock_guard lock(mutex_);
  std::optional<Clock::time_point> next;
  for (const WaitingCommand& waiting : commands_) {
    if (!next || waiting.command.deadline < *next) next = waiting.command.deadline;
  }
  return next;
}

std::vector<WaitingCommand> CommandQueue::take_all() {
  const std::lock_guard lock(mutex_);
  std::vector<WaitingCommand> all(std::make_move_iterator(commands_.begin()),
                                  std::make_move_iterator(commands_.end()));
  commands_.clear();
  waiting_ = 0;
  return all;
}

void CommandQueue::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  changed_.notify_all();
}

}  // namespace ppo
