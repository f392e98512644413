// What the log's thread hands to the one that has the bots' socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "base/memory_ledger.h"
#include "event/block.h"

namespace bridge {

// Stretches of blocks, in order, bounded in bytes and in number. Any thread. The share must outlive it.
class BotQueue {
 public:
  struct Stretch {
    BlockPtr block;
    std::uint64_t first_seq, last_seq;  // of it
  };
  static constexpr std::size_t kStretchesMax = 1024;  // as many as one turn of the loop may put in

  explicit BotQueue(MemoryShare& share) : share_(share), held_(share) {}

  // Whether one more may be put in: there is room, and where `only_if_idle` is set, nothing waits. Where not, take()
  // tells once it may.
  [[nodiscard]] bool may_put(bool only_if_idle) {
    const std::lock_guard lock(mutex_);
    const bool full = stretches_.size() >= kStretchesMax || !share_.has_room_for(0);
    if (!full && (!only_if_idle || stretches_.empty())) return true;
    if (full && !was_full_) share_.refuse();
    was_full_ = full;
    asked_ = true;
    return false;
  }
  // True where nothing waited: then the other thread has to be woken.
  [[nodiscard]] bool put(Stretch stretch) {
    const std::lock_guard lock(mutex_);
    held_.set(held_.bytes() + stretch.block->memory_bytes());
    stretches_.push_back(std::move(stretch));
    return stretches_.size() == 1;
  }

  // The oldest. `ask_again` is set where may_put() is to be asked again.
  std::optional<Stretch> take(bool* ask_again) {
    const std::lock_guard lock(mutex_);
    if (stretches_.empty()) return std::nullopt;
    Stretch oldest = std::move(stretches_.front());
    stretches_.pop_front();
    held_.set(held_.bytes() - oldest.block->memory_bytes());
    *ask_again = asked_ && stretches_.empty();
    if (*ask_again) asked_ = was_full_ = false;
    return oldest;
  }
  bool empty() const {
    const std::lock_guard lock(mutex_);
    return stretches_.empty();
  }

 private:
  MemoryShare& share_;
  mutable std::mutex mutex_;
  std::deque<Stretch> stretches_;  // guarded, as is what follows
  MemoryHold held_;
  bool asked_ = false;
  bool was_full_ = false;
};

}  // namespace bridge
