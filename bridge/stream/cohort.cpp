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
  const bool begins =
      from_seq == block->first_seq() || part_end(*block, from_seq - 1) == from_seq - 1;
  if (!begins || to_seq != part_end(*block, from_seq)) {
    return build(*block, static_cast<std::size_t>(from_seq - block->first_seq()),
                 static_cast<std::size_t>(to_seq - block->first_seq()) + 1);
  }
  const bool as_is = subscription_->takes_frames();
  if (as_is && subscription_->everything()) {
    return {std::shared_ptr<const std::string>(block, &block->frames()), block->size(),
            block->gaps()};
  }
  const auto bytes_of = [&block](Frames frames, bool as_whole) {
    if (as_whole) frames.bytes = std::shared_ptr<const std::string>(block, &block->frames());
    return frames;
  };
  for (auto kept = kept_.rbegin(); kept != kept_.rend(); ++kept) {
    if (kept->from_seq != from_seq) continue;
    if (kept->block.owner_before(block) || block.owner_before(kept->block)) continue;
    return bytes_of(kept->frames, kept->whole);
  }
  Kept fresh{block, from_seq,
             build(*block, static_cast<std::size_t>(from_seq - block->first_seq()),
                   static_cast<std::size_t>(to_seq - block->first_seq()) + 1)};
  fresh.whole = as_is && fresh.bytes() != 0 && fresh.bytes() == block->frames().size();
  if (fresh.whole) fresh.frames.bytes = nullptr;
  Frames frames = bytes_of(fresh.frames, fresh.whole);
  kept_bytes_ += fresh.bytes();
  kept_.push_back(std::move(fresh));
  // Nobody comes after the only one.
  while (kept_.size() > (feeds > 1 ? kKeptBlocksMax : 1) ||
         (kept_bytes_ > kKeptBytesMax && kept_.size() > 1)) {
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

Frames Cohort::build(const Block& block, std::size_t from, std::size_t to) const {
  FramesBuilder builder(*subscription_, deflater_, epoch());
  for (std::size_t i = from; i < to; ++i) {
    if (block.entry(i).gap_size != 0 && wants_gap(block, i)) builder.add_gap(block.gap_frame(i));
    if (subscription_->everything() || subscription_->matches(block, i)) builder.add(block, i);
  }
  return builder.finish();
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
