#include "stream/cohort.h"

#include <algorithm>
#include <utility>

#include "base/work_queue.h"
#include "event/messages.h"

namespace bridge {
namespace {

// What a cohort keeps for its feeds that are a little behind. The blocks themselves are the
// history's; only the filtered copies count.
constexpr std::size_t kKeptBlocksMax = 32;
constexpr std::size_t kKeptBytesMax = 1024 * 1024;
constexpr std::uint64_t kPartWork = 8 * kStepWork;  // about half a millisecond

}  // namespace

std::uint64_t Cohort::work(const Block& block, std::uint64_t events) const {
  const bool as_is = subscription_->everything() && subscription_->takes_frames();
  if (as_is) return 1;
  const std::size_t bytes = block.frames().size() / block.size();
  return events * (subscription_->work(bytes) +
                   bytes / (deflater_ == nullptr ? kCopiedBytesPerWork : kDeflatedBytesPerWork));
}

std::uint64_t Cohort::part_end(const Block& block, std::uint64_t from_seq) const {
  const std::uint64_t parts = work(block, block.size()) / kPartWork + 1;
  const std::uint64_t events = (block.size() + parts - 1) / parts;
  const std::uint64_t begun = (from_seq - block.first_seq()) / events;
  return std::min(block.last_seq(), block.first_seq() + (begun + 1) * events - 1);
}

Frames Cohort::frames(const BlockPtr& block, std::uint64_t from_seq, std::uint64_t to_seq) {
  const auto from = static_cast<std::size_t>(from_seq - block->first_seq());
  const auto to = static_cast<std::size_t>(to_seq - block->first_seq()) + 1;
  const bool begins =
      from_seq == block->first_seq() || part_end(*block, from_seq - 1) == from_seq - 1;
  // Nobody comes after the only one.
  if (feeds < 2 || !begins || to_seq != part_end(*block, from_seq)) return build(block, from, to);
  if (subscription_->takes_frames() && subscription_->everything()) return build(block, from, to);
  for (auto kept = kept_.rbegin(); kept != kept_.rend(); ++kept) {
    if (kept->from_seq != from_seq) continue;
    if (kept->block.owner_before(block) || block.owner_before(kept->block)) continue;
    Frames frames = kept->frames;
    if (kept->whole) frames.bytes = {block, &block->frames()};
    return frames;
  }
  Frames frames = build(block, from, to);
  Kept fresh{block, from_seq, frames, frames.bytes.get() == &block->frames()};
  if (fresh.whole) fresh.frames.bytes = nullptr;
  kept_bytes_ += fresh.bytes();
  kept_.push_back(std::move(fresh));
  while (kept_.size() > kKeptBlocksMax || (kept_bytes_ > kKeptBytesMax && kept_.size() > 1)) {
    kept_bytes_ -= kept_.front().bytes();
    kept_.pop_front();
  }
  count(kept_bytes_ + latest_bytes_);
  return frames;
}

// This one keeps so much now, and was used last.
void Cohort::count(std::size_t bytes) {
  all_.add(bytes - counted_);
  counted_ = bytes;
  all_.by_use.splice(all_.by_use.end(), all_.by_use, place_);
  for (Cohort* const cohort : all_.by_use) {
    if (!all_.too_many() || cohort == this) return;
    cohort->let_go();
  }
}

void Cohort::let_go() {
  all_.add(0 - counted_);
  counted_ = kept_bytes_ = latest_bytes_ = 0;
  kept_.clear();
  latest_.clear();
}

bool Cohort::passes(const Block& block, std::size_t index, const MatchIndex::Column& column) const {
  if (subscription_->everything()) return true;
  if (column && (column.exact() || !column[index])) return column[index];
  return subscription_->matches(block, index);
}

Frames Cohort::build(const BlockPtr& block, std::size_t from, std::size_t to) {
  const bool as_is = subscription_->takes_frames();
  const Frames whole{{block, &block->frames()}, block->size(), block->gaps()};
  if (as_is && subscription_->everything() && to - from == block->size()) return whole;
  const MatchIndex::Column wanted = column(block);
  std::vector<EventRun>& runs = all_.runs;
  runs.clear();
  std::size_t bytes = 0;
  for (std::size_t i = from; i < to; ++i) {
    const EventEntry& entry = block->entry(i);
    const bool gap = entry.gap_size != 0 && wants_gap(*block, i);
    if (gap) {
      runs.push_back({i, i});
      bytes += entry.gap_size;
    }
    if (!passes(*block, i, wanted)) continue;
    bytes += entry.frame_size;
    if (!runs.empty() && runs.back().to == i && entry.gap_size == 0) {
      runs.back().to = i + 1;
    } else {
      runs.push_back({i, i + 1});
    }
  }
  if (as_is && bytes == block->frames().size()) return whole;
  FramesBuilder builder(*subscription_, deflater_, epoch(), &all_.buffers);
  builder.expect(bytes);
  for (const EventRun& run : runs) builder.add(*block, run);
  return builder.finish();
}

bool Cohort::passes_any(const BlockPtr& block, std::uint64_t from_seq, std::uint64_t to_seq,
                        std::uint64_t* work) {
  if (subscription_->everything()) return true;
  const MatchIndex::Column wanted = column(block);
  *work += all_.index.take_work();
  if (wanted && !wanted.any() && block->gaps() == 0) return false;
  std::uint64_t looked_at = 0;
  bool found = false;
  for (std::uint64_t seq = from_seq; seq <= to_seq && !found; ++seq, ++looked_at) {
    const auto i = static_cast<std::size_t>(seq - block->first_seq());
    found = passes(*block, i, wanted) || (block->entry(i).gap_size != 0 && wants_gap(*block, i));
  }
  *work += wanted && wanted.exact() ? looked_at / 8 : looked_at * subscription_->work(block->frames().size() / block->size());
  return found;
}

Snapshot::Part Cohort::latest(const Snapshot& snapshot, std::uint64_t after_seq,
                              std::uint64_t to_seq, std::uint64_t* work) {
  if (std::exchange(latest_to_, to_seq) != to_seq) {
    latest_.clear();
    latest_bytes_ = 0;
  }
  for (const KeptLatest& kept : latest_) {
    if (kept.after_seq == after_seq) return kept.part;
  }
  const Snapshot::Part part =
      snapshot.frames(*subscription_, after_seq, to_seq, kPartWork, work, deflater_, epoch());
  latest_bytes_ += part.frames.bytes ? part.frames.bytes->size() : 0;
  latest_.push_back({after_seq, part});
  count(kept_bytes_ + latest_bytes_);
  return part;
}

bool Cohort::keeps_latest(std::uint64_t cursor, std::uint64_t to_seq) const {
  return latest_to_ == to_seq &&
         std::any_of(latest_.begin(), latest_.end(), [cursor](const KeptLatest& kept) {
           return kept.after_seq == cursor || kept.part.to_seq == cursor;
         });
}

bool Cohort::wants_gap(const Block& block, std::size_t index) const {
  const auto lost = read_source_lost(block.text(block.entry(index).data));
  return lost && subscription_->may_want_source(lost->source);
}

}  // namespace bridge
