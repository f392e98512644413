#include "log/event_log.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace bridge {

EventLog::EventLog(LogStart start, HistoryLimits limits, std::function<void(const Block&)> on_evict)
    : epochs_(std::move(start.epochs)),
      limits_(limits),
      history_(limits, std::move(on_evict), start.last_seq),
      last_seq_(start.last_seq),
      last_stamp_us_(start.last_stamp_us) {
  if (epochs_.empty() || epochs_.back().epoch != start.epoch) {
    epochs_.push_back({std::move(start.epoch), start.last_seq + 1});
  }
}

std::uint64_t EventLog::append(const Envelope& event, std::int64_t wall_us) {
  last_stamp_us_ = std::max(last_stamp_us_, wall_us);
  open_.add(event, ++last_seq_, last_stamp_us_);
  if (open_.bytes() >= limits_.block_bytes_max() || open_.size() >= limits_.block_events_max()) {
    seal();
  }
  return last_seq_;
}

void EventLog::seal() {
  if (open_.empty()) return;
  BlockPtr block = open_.seal();
  for (const auto& on_seal : on_seal_) on_seal(block);
  history_.append(std::move(block));
}

void EventLog::follow(BlockPtr block) {
  assert(open_.empty() && block->first_seq() == last_seq_ + 1);
  last_seq_ = block->last_seq();
  last_stamp_us_ = block->entry(block->size() - 1).timestamp_us;
  history_.adopt(std::move(block));
}

std::optional<std::uint64_t> EventLog::shared_until(std::string_view epoch,
                                                    std::uint64_t seq) const {
  for (std::size_t i = epochs_.size(); i > 0; --i) {
    if (epochs_[i - 1].epoch != epoch) continue;
    return i == epochs_.size() ? seq : std::min(seq, epochs_[i].first_seq - 1);
  }
  return std::nullopt;
}

}  // namespace bridge
