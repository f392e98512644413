#include "log/log_walk.h"

#include <algorithm>

namespace bridge {

LogWalk::LogWalk(EventLog& log, PastCache& past, SeqRange range, Way way, Visit visit,
                 std::function<void()> on_ready)
    : log_(log),
      past_(past),
      left_{std::max<std::uint64_t>(range.from, 1), std::min(range.to, log.head())},
      way_(way),
      visit_(std::move(visit)),
      on_ready_(std::move(on_ready)) {
  if (log_.head() > log_.history().last_seq()) log_.seal();
}

LogWalk::State LogWalk::step(std::uint64_t work_max, std::uint64_t* work) {
  std::uint64_t done = 0;
  const History& history = log_.history();
  while (left_.from <= left_.to) {
    const std::uint64_t at = forward() ? left_.from : left_.to;
    BlockPtr block = history.find(at);
    if (!block) {
      const PastCache::Place place =
          forward() ? past_.look(at, left_.to, this) : past_.look_back(at, left_.from, this);
      if (place.pending) {
        *work += done;
        return State::waiting;
      }
      if (!place.block) {
        ++done;
        miss(place);
        continue;
      }
      block = place.block;
    }
    while (left_.from <= left_.to && block->contains(forward() ? left_.from : left_.to)) {
      if (done >= work_max) {
        *work += done;
        return State::more;
      }
      const std::uint64_t seq = forward() ? left_.from++ : left_.to--;
      ++done;
      if (!visit_(*block, static_cast<std::size_t>(seq - block->first_seq()), done)) {
        *work += done;
        return State::ended;
      }
    }
  }
  *work += done;
  return State::ended;
}

// Goes to the next place that may be held: by the journal, or by memory.
void LogWalk::miss(const PastCache::Place& place) {
  if (forward()) {
    const std::uint64_t next =
        std::min({place.next_held, log_.history().first_seq(), left_.to + 1});
    missed_ += next - left_.from;
    left_.from = next;
  } else {
    const std::uint64_t next = std::max(place.next_held, left_.from - 1);
    missed_ += left_.to - next;
    left_.to = next;
  }
  unreadable_ = unreadable_ || place.unreadable;
}

}  // namespace bridge
