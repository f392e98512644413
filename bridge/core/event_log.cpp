#include "core/event_log.h"

#include <algorithm>
#include <utility>

namespace bridge {

EventLog::EventLog(std::string epoch, HistoryLimits limits,
                   std::function<void(const Block&)> on_evict)
    : epoch_(std::move(epoch)), limits_(limits), history_(limits, std::move(on_evict)) {}

std::uint64_t EventLog::append(const Envelope& event, std::int64_t wall_us) {
  last_stamp_us_ = std::max(last_stamp_us_, wall_us);
  open_.add(event, ++last_seq_, last_stamp_us_);
  if (open_.bytes() >= limits_.block_bytes_max() || open_.size() >= limits_.block_events_max()) {
    seal();
  }
  return last_seq_;
}

void EventLog::seal() {
  if (!open_.empty()) history_.append(open_.seal());
}

}  // namespace bridge
