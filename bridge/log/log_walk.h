// A look through a stretch of the log, forward or backward, over memory and journal, in short steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "log/event_log.h"
#include "log/past_cache.h"

namespace bridge {

// Steps over what nobody holds, however many numbers that is. Destroying it cancels it. One thread: the log's. References must outlive it.
class LogWalk final : private PastCache::Waiter {
 public:
  // Looks at event `i` of the block and adds what that costs beyond the looking (see step()) to `work`. False
  // where the walk has what it wants; it ends there.
  using Visit = std::function<bool(const Block& block, std::size_t i, std::uint64_t& work)>;

  enum class Way { forward, backward };
  enum class State {
    more,     // step again
    waiting,  // for the journal: step again once on_ready is called
    ended,    // all was visited, or `visit` has ended it
  };

  // Events `range` as far as there are any now, both ends included. `on_ready` may destroy the walk. `types`: of the
  // journal's the walk may pass over others; none: over none.
  LogWalk(EventLog& log, PastCache& past, SeqRange range, Way way, Visit visit,
          std::function<void()> on_ready, std::vector<std::string> types = {});
  ~LogWalk() { past_.forget(this); }
  LogWalk(const LogWalk&) = delete;
  LogWalk& operator=(const LogWalk&) = delete;

  // Goes on until about `work_max` is done, and adds it to `*work`: 1 for an event that was looked at.
  [[nodiscard]] State step(std::uint64_t work_max, std::uint64_t* work);

  // What is still to be visited; empty (from > to) at the end.
  SeqRange left() const { return left_; }
  // Events that neither memory nor the journal had when the walk came to them.
  std::uint64_t missed() const { return missed_; }
  // Some of those could not be read, though the journal may have them.
  bool unreadable() const { return unreadable_; }

 private:
  void on_past() override { on_ready_(); }
  bool forward() const { return way_ == Way::forward; }
  void miss(const PastCache::Place& place);
  bool ask_for_types(std::uint64_t at);
  void on_types(const TypeStretch& found);

  EventLog& log_;
  PastCache& past_;
  SeqRange left_;
  const Way way_;
  const Visit visit_;
  const std::function<void()> on_ready_;
  const std::vector<std::string> types_;
  SeqRange wanted_;  // in the journal: it may hold these types
  bool asking_ = false;
  std::uint64_t looked_ = 0;  // that is not told as work yet
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
  std::uint64_t missed_ = 0;
  bool unreadable_ = false;
};

}  // namespace bridge
