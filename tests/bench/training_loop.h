// A trainer's loop that waits for nothing: what it still gets done tells what all else takes away from it.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace bench {

// One thread, busy from start to end, on whichever core the kernel puts it.
class TrainingLoop {
 public:
  TrainingLoop();
  ~TrainingLoop();
  TrainingLoop(const TrainingLoop&) = delete;
  TrainingLoop& operator=(const TrainingLoop&) = delete;

  // Done so far: each is a layer of 128 x 128 floats, some microseconds. Any thread.
  std::uint64_t steps() const { return steps_.load(std::memory_order_relaxed); }
  // Steps a second while the caller sleeps for so long.
  double rate(double seconds) const;

 private:
  void run();

  std::atomic<std::uint64_t> steps_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace bench
