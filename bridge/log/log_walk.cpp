#include "log/log_walk.h"

#include <algorithm>
#include <utility>

namespace bridge {

LogWalk::LogWalk(EventLog& log, PastCache& past, SeqRange range, Way way, Visit visit,
                 std::function<void()> on_ready, std::vector<std::string> types)
    : log_(log),
      past_(past),
      left_{std::max<std::uint64_t>(range.from, 1), std::min(range.to, log.head())},
      way_(way),
      visit_(std::move(visit)),
      on_ready_(std::move(on_ready)),
      types_(std::move(types)) {
  log_.seal_for_readers();
}

LogWalk::State LogWalk::step(std::uint64_t work_max, std::uint64_t* work) {
  std::uint64_t done = std::exchange(looked_, 0);
  const History& history = log_.history();
  while (left_.from <= left_.to) {
    const std::uint64_t at = forward() ? left_.from : left_.to;
    BlockPtr block = history.find(at);
    if (!block) {
      if (asking_ || ask_for_types(at)) {
        *work += done;
        return State::waiting;
      }
      const bool all = types_.empty() || at < wanted_.from || at > wanted_.to;
      const PastCache::Place place =
          forward() ? past_.look(at, all ? left_.to : std::min(left_.to, wanted_.to), this)
                    : past_.look_back(at, all ? left_.from : std::max(left_.from, wanted_.from), this);
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

// True where the journal is asked where to go on. It is not, where it does not hold the place.
bool LogWalk::ask_for_types(std::uint64_t at) {
  PastReader* const journal = past_.reader();
  if (types_.empty() || (at >= wanted_.from && at <= wanted_.to) || journal == nullptr || at < journal->first_seq() ||
      at > journal->last_seq()) {
    return false;
  }
  asking_ = true;
  const std::uint64_t bound = forward() ? std::min(left_.to, journal->last_seq()) : std::max(left_.from, journal->first_seq());
  journal->find_types({types_, at, bound, !forward(), alive_},
                      [this, alive = std::weak_ptr<char>(alive_)](const TypeStretch& found) {
                        if (!alive.expired()) on_types(found);
                      });
  return true;
}

void LogWalk::on_types(const TypeStretch& found) {
  asking_ = false;
  looked_ += found.looked;
  wanted_ = {found.from, found.to};
  const std::uint64_t next = forward() ? found.from : found.to;
  const std::uint64_t passed = forward() ? next - left_.from : left_.to - next;
  missed_ += passed - std::min(passed, found.held);
  (forward() ? left_.from : left_.to) = next;
  on_ready_();
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
