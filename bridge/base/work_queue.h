// Work that would hold up the loop, done a little at a time, in rotation among those who asked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>

#include "base/clock.h"
#include "base/duration_histogram.h"
#include "base/request_budget.h"

namespace bridge {

// One step of a piece of work looks at no more than about this; see RequestBudget for the unit.
inline constexpr std::uint64_t kStepWork = 2048;
inline constexpr std::size_t kWaitingWorkMax = 64;  // of one asker

// Between two of its turns the sockets have theirs. A turn is at most 16 steps and about a
// millisecond. One thread. The clock must outlive it.
class WorkQueue {
 public:
  // A step. Returns what it cost.
  using Step = std::function<std::uint64_t(bool* done)>;

  // `post` runs a function later on this thread, behind what the sockets have to do.
  WorkQueue(std::function<void(std::function<void()>)> post, const Clock& clock)
      : post_(std::move(post)), clock_(clock) {}
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Does the first step at once, where this asker has nothing waiting, and the others later, one
  // asker's work in order. What it costs is charged to the asker; once he is gone the rest is
  // dropped. False where too much of his waits: nothing was done.
  [[nodiscard]] bool add(const std::weak_ptr<RequestBudget>& asker, Step step);

  // As add(), but never at once and without a limit, for what goes on by itself.
  void add_later(const std::weak_ptr<RequestBudget>& asker, Step step);

  // For what nobody asked for: runs `f` later on this thread, beside the queue and in no rotation.
  void post(std::function<void()> f) { post_(std::move(f)); }

  std::size_t waiting() const { return waiting_; }
  const DurationHistogram& turns() const { return turns_; }

 private:
  struct Piece {
    std::weak_ptr<RequestBudget> asker;
    Step step;
  };
  struct Lane {
    const RequestBudget* asker;
    std::list<Piece> pieces;
  };
  static bool take_step(const Piece& piece);
  std::list<Lane>::iterator lane_of(const RequestBudget* asker);
  void wake();
  void take_turn();

  const std::function<void(std::function<void()>)> post_;
  const Clock& clock_;
  std::list<Lane> lanes_;  // whose turn is next first
  std::size_t waiting_ = 0;
  bool posted_ = false;
  DurationHistogram turns_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace bridge
