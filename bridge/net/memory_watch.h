// Watches the memory that no queue accounts for: parts of unfinished messages, what libzmq reads ahead.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/memory_ledger.h"

namespace bridge {

// libzmq bounds neither the parts of a message that never ends nor what many peers send at once. Where the
// allocator has given out more than all queues together hold, by more than the share of `zeromq`, the peers
// that have sent most since it grew are disconnected, which frees what libzmq holds of them. Honest ones
// connect again and repair. One thread: the loop's.
class MemoryWatch {
 public:
  // `count` brings the ledger up to date. `endpoints`: of all ZeroMQ sockets, as they are bound. `on_cut` is
  // called with the descriptor of each who was disconnected.
  MemoryWatch(MemoryLedger& ledger, std::function<void()> count,
              std::function<std::vector<std::string>()> endpoints, std::function<void(int)> on_cut)
      : ledger_(ledger),
        count_(std::move(count)),
        endpoints_(std::move(endpoints)),
        on_cut_(std::move(on_cut)),
        unaccounted_(ledger[Queue::zeromq]) {}

  // Call every 20 ms or so: it looks closely once a second, and where the process has grown.
  void check();

 private:
  using Clock = std::chrono::steady_clock;
  void act();

  MemoryLedger& ledger_;
  const std::function<void()> count_;
  const std::function<std::vector<std::string>()> endpoints_;
  const std::function<void(int)> on_cut_;
  MemoryHold unaccounted_;
  std::size_t usual_ = 0;                  // allocated besides the queues, where nobody is to blame
  std::size_t resident_ = 0;               // when it was looked at last
  std::map<int, std::uint64_t> received_;  // by descriptor, when it began to grow or somebody was cut off
  Clock::time_point looked_at_{};
  Clock::time_point acted_at_{};
};

}  // namespace bridge
