// The publishing side: events on their way in, either as fast as the clients read or on a schedule.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>

#include "event_text.h"
#include "fan_reader.h"
#include "publisher.h"
#include "subject.h"

namespace bench {

// Publishes on a thread of its own from construction to stop(). Nothing is ever dropped on its
// side: where there is no room for more, it waits.
class Load {
 public:
  virtual ~Load() = default;
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // No event leaves after it. Idempotent.
  void stop();
  // Events that have left. They are numbered from 1 to this.
  std::uint64_t published() const { return published_.load(std::memory_order_acquire); }
  // What ended it early, "" if nothing; call after stop().
  const std::string& failure() const { return failure_; }

 protected:
  Load() = default;
  // Runs `publish`, which must return soon after stopping() says so, on the thread.
  void start(std::function<void()> publish);
  bool stopping() const { return stop_.load(std::memory_order_relaxed); }

  std::atomic<std::uint64_t> published_{0};

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
  std::string failure_;
};

// Closed loop: at most `window_events` ahead of the slowest client of `reader`, in messages of as
// many events as `subject` makes of `batch`. All that are passed by reference must outlive it.
class ClosedLoopLoad : public Load {
 public:
  ClosedLoopLoad(const Subject& subject, const EventText& events, std::size_t batch,
                 std::uint64_t window_events, const FanReader& reader);
  ~ClosedLoopLoad() override { stop(); }
};

// Open loop: event n is due (n - 1) / `events_per_s` after `begin`, whether or not the one before
// has been read; one that is late leaves at once. Both that are passed by reference must outlive
// it.
class OpenLoopLoad : public Load {
 public:
  OpenLoopLoad(const Subject& subject, const EventText& events, double events_per_s,
               std::chrono::steady_clock::time_point begin);
  // To a bridge that is no subject.
  OpenLoopLoad(const std::string& address, const EventText& events, double events_per_s,
               std::chrono::steady_clock::time_point begin);
  ~OpenLoopLoad() override { stop(); }

 private:
  void run(Publisher& publisher,
           const std::function<void(std::string& out, std::uint64_t number)>& append,
           double events_per_s, std::chrono::steady_clock::time_point begin);
};

// The same schedule, but looked at once a millisecond: all that is due then leaves in one message,
// as sources with much to say do it. `events` must outlive it.
class TickedLoad : public Load {
 public:
  TickedLoad(const std::string& address, const EventText& events, double events_per_s,
             std::chrono::steady_clock::time_point begin);
  ~TickedLoad() override { stop(); }
};

// When event `number` is due.
std::chrono::steady_clock::time_point due(std::chrono::steady_clock::time_point begin,
                                          double events_per_s, std::uint64_t number);

// Sleeps, but not through an interrupt or a failure of `reader`.
void pass(double seconds, const FanReader& reader);

// Waits until the slowest client has read `published` events; false if one failed, an interrupt
// came, or nothing at all moved for 10 s.
bool wait_drained(const FanReader& reader, std::uint64_t published);

}  // namespace bench
