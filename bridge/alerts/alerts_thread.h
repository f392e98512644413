// The thread on which events are held against the rules of alerts. It slows nobody down: whoever feeds it asks first
// whether there is room, and keeps a cursor of his own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "alerts/alert_evaluator.h"
#include "base/clock.h"
#include "event/block.h"

namespace bridge {

// All but the thread's own on one thread: the log's.
class AlertsThread {
 public:
  // What came of it since the one before.
  struct Progress {
    std::vector<AlertChange> changes;
    std::map<std::uint64_t, std::uint64_t> suppressed;  // by alert
    std::uint64_t seq = 0;  // up to which events were looked at
    std::uint64_t looked_at = 0;
    std::uint64_t forgotten = 0;  // in all
  };
  struct Listener {
    std::function<void(std::function<void()>)> post;  // runs a function on the log's thread, later
    std::function<void(Progress)> on_progress;  // called there
  };

  // `bytes_max`: of blocks that wait and of what is remembered.
  AlertsThread(std::size_t bytes_max, const Clock& clock, Listener listener);
  ~AlertsThread();
  AlertsThread(const AlertsThread&) = delete;
  AlertsThread& operator=(const AlertsThread&) = delete;

  bool has_room() const;
  // The block's events from `index` on. `offset_us`: of the steady clock from the wall clock, by which events were
  // stamped.
  void push(BlockPtr block, std::size_t index, std::int64_t offset_us);
  // Behind what was pushed.
  void change(std::function<void(AlertEvaluator&)> change);
  // Whether there are no events but those that were pushed, so that time may pass without any.
  void set_caught_up(bool caught_up) { caught_up_ = caught_up; }
  std::size_t memory_bytes() const { return queue_bytes_ + remembered_bytes_; }

 private:
  struct Item {
    BlockPtr block;
    std::size_t index = 0;
    std::int64_t offset_us = 0;
    std::function<void(AlertEvaluator&)> change;
  };
  void run();
  void work(Item& item);
  void tell();

  const std::size_t queue_bytes_max_;
  const Clock& clock_;
  const Listener listener_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Item> items_;  // guarded
  std::atomic<bool> stopping_{false};
  std::atomic<bool> caught_up_{false};
  std::atomic<std::size_t> queue_bytes_{0};
  std::atomic<std::size_t> remembered_bytes_{0};

  // The thread's own.
  AlertEvaluator evaluator_;
  std::uint64_t looked_at_ = 0;
  std::uint64_t told_seq_ = 0;

  std::thread thread_;
};

}  // namespace bridge
