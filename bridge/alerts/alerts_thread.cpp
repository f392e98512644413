#include "alerts/alerts_thread.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/step_back.h"

namespace bridge {
namespace {

constexpr std::int64_t kTimePassesUs = 250'000;
constexpr int kNice = 5;  // late is better than to slow down who is watched

AlertLimits limits_of(std::size_t bytes_max) {
  AlertLimits limits;
  limits.bytes_max = bytes_max;
  return limits;
}

}  // namespace

AlertsThread::AlertsThread(std::size_t bytes_max, const Clock& clock, Listener listener)
    : queue_bytes_max_(bytes_max / 4),
      clock_(clock),
      listener_(std::move(listener)),
      evaluator_(limits_of(bytes_max - bytes_max / 4)) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "alerts");
    step_back(kNice);
    run();
  });
}

AlertsThread::~AlertsThread() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  thread_.join();
}

bool AlertsThread::has_room() const { return queue_bytes_ < queue_bytes_max_; }

void AlertsThread::push(BlockPtr block, std::size_t index, std::int64_t offset_us) {
  const std::lock_guard<std::mutex> lock(mutex_);
  queue_bytes_ += block->memory_bytes();
  items_.push_back({std::move(block), index, offset_us, {}});
  wake_.notify_one();
}

void AlertsThread::change(std::function<void(AlertEvaluator&)> change) {
  const std::lock_guard<std::mutex> lock(mutex_);
  items_.push_back({nullptr, 0, 0, std::move(change)});
  wake_.notify_one();
}

void AlertsThread::run() {
  std::int64_t passed_us = 0;
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    const auto something = [this] { return stopping_ || !items_.empty(); };
    if (evaluator_.timed()) {
      wake_.wait_for(lock, std::chrono::microseconds(kTimePassesUs), something);
    } else {
      wake_.wait(lock, something);
    }
    std::deque<Item> items;
    items.swap(items_);
    lock.unlock();
    for (Item& item : items) work(item);
    const std::int64_t now = clock_.steady_us();
    if (caught_up_ && queue_bytes_ == 0 && now >= passed_us + kTimePassesUs) {
      evaluator_.pass_time(now);
      passed_us = now;
    }
    tell();
    lock.lock();
  }
}

void AlertsThread::work(Item& item) {
  if (item.change) return item.change(evaluator_);
  const Block& block = *item.block;
  for (std::size_t i = item.index; i < block.size() && !stopping_; ++i, ++looked_at_) {
    evaluator_.look_at(block, i, block.entry(i).timestamp_us + item.offset_us);
  }
  queue_bytes_ -= block.memory_bytes();
  item.block.reset();
}

void AlertsThread::tell() {
  remembered_bytes_ = evaluator_.bytes();
  Progress progress;
  progress.changes = evaluator_.take_changes();
  progress.suppressed = evaluator_.take_suppressed();
  progress.seq = evaluator_.seq();
  if (stopping_ || (progress.seq == told_seq_ && progress.changes.empty() && progress.suppressed.empty())) return;
  told_seq_ = progress.seq;
  progress.looked_at = std::exchange(looked_at_, 0);
  progress.forgotten = evaluator_.forgotten();
  listener_.post([this, alive = std::weak_ptr<char>(alive_), progress = std::move(progress)]() mutable {
    if (!alive.expired()) listener_.on_progress(std::move(progress));
  });
}

}  // namespace bridge
