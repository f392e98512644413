#include "log/event_log.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "base/wall_watch.h"

namespace bridge {

EventLog::EventLog(LogStart start, HistoryLimits limits, std::function<void(const Block&)> on_evict)
    : epochs_(std::move(start.epochs)),
      name_epoch_(std::move(start.name_epoch)),
      limits_(limits),
      history_(limits, std::move(on_evict), start.last_seq),
      last_seq_(start.last_seq),
      last_stamp_us_(start.last_stamp_us) {
  if (epochs_.empty() || epochs_.back().epoch != start.epoch) {
    epochs_.push_back({std::move(start.epoch), start.last_seq + 1});
  }
  knows_earlier_ = epochs_.size() > 1;
}

inline void EventLog::seal_if_full() {
  if (open_.bytes() >= limits_.block_bytes_max() || open_.size() >= limits_.block_events_max()) seal();
}

std::uint64_t EventLog::append(const Envelope& event, std::int64_t wall_us) {
  // Where events are proposed this is always so, and costs those that are not nothing.
  if (wall_us <= last_stamp_us_ - kClockStepUs) {
    if (propose_) {
      propose_(event, wall_us);
      return last_seq_;
    }
    begin_epoch();
  }
  last_stamp_us_ = std::max(last_stamp_us_, wall_us);
  open_.add(event, ++last_seq_, last_stamp_us_);
  seal_if_full();
  return last_seq_;
}

void EventLog::propose_to(std::function<void(const Envelope&, std::int64_t)> propose) {
  propose_ = std::move(propose);
  last_stamp_us_ = INT64_MAX;  // so that append() looks for it
}

void EventLog::accept(const EventLine& line, std::uint64_t seq, std::int64_t stamp_us) {
  assert(propose_ && seq == last_seq_ + 1);
  last_seq_ = seq;
  open_.add_line(line, seq, stamp_us);
  seal_if_full();
}

// Stamps may decrease here and nowhere else.
void EventLog::begin_epoch() {
  seal();
  last_stamp_us_ = 0;
  const EpochStart& before = epochs_.back();
  if (before.first_seq == last_seq_ + 1) return;  // it has no event yet
  std::string name = name_epoch_ ? name_epoch_() : before.epoch + '-' + std::to_string(last_seq_ + 1);
  epochs_.push_back({std::move(name), last_seq_ + 1, true});
  if (epochs_.size() > kEpochsMax) {
    epochs_.erase(epochs_.begin());
  }
  for (const auto& on_epochs : on_epochs_) on_epochs();
}

void EventLog::learn_epochs(const std::vector<EpochStart>& earlier) {
  if (knows_earlier_ || earlier.empty()) return;
  epochs_.insert(epochs_.begin(), earlier.begin(), earlier.end());
  knows_earlier_ = true;
  for (const auto& on_epochs : on_epochs_) on_epochs();
}

std::uint64_t EventLog::first_seq_since(std::int64_t timestamp_us) const {
  const auto at = [this](std::uint64_t seq) -> std::optional<StampedSeq> {
    const BlockPtr block = history_.find(seq);
    if (!block) return std::nullopt;
    return StampedSeq{seq,
                      block->entry(static_cast<std::size_t>(seq - block->first_seq())).timestamp_us};
  };
  return bridge::first_seq_since(epochs_, history_.first_seq(), history_.last_seq() + 1,
                                 timestamp_us, at);
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
    while (i < epochs_.size() && epochs_[i].goes_on) ++i;
    return std::min(seq, i == epochs_.size() ? last_seq_ : epochs_[i].first_seq - 1);
  }
  return std::nullopt;
}

}  // namespace bridge
