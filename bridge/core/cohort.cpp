#include "core/cohort.h"

#include "event/ws_frame.h"

namespace bridge {
namespace {

// What a cohort keeps for its feeds that are a little behind. The blocks themselves are the
// history's; only the filtered copies count.
constexpr std::size_t kKeptBlocksMax = 32;
constexpr std::size_t kKeptBytesMax = 1024 * 1024;

}  // namespace

Frames Cohort::frames(const BlockPtr& block, std::uint64_t from_seq, std::uint64_t to_seq) {
  const bool whole = from_seq == block->first_seq() && to_seq == block->last_seq();
  if (!whole) {
    return build(*block, static_cast<std::size_t>(from_seq - block->first_seq()),
                 static_cast<std::size_t>(to_seq - block->first_seq()) + 1);
  }
  const bool as_is = !subscription_.batch();
  if (as_is && subscription_.everything()) {
    return {std::shared_ptr<const std::string>(block, &block->frames()), block->size()};
  }
  for (auto kept = kept_.rbegin(); kept != kept_.rend(); ++kept) {
    if (kept->block == block) return kept->frames;
  }
  Frames frames = build(*block, 0, block->size());
  if (as_is && frames.events == block->size()) {
    frames.bytes = std::shared_ptr<const std::string>(block, &block->frames());
  }
  kept_.push_back({block, frames});
  kept_bytes_ += frames.bytes ? frames.bytes->size() : 0;
  while (kept_.size() > kKeptBlocksMax || (kept_bytes_ > kKeptBytesMax && kept_.size() > 1)) {
    kept_bytes_ -= kept_.front().frames.bytes ? kept_.front().frames.bytes->size() : 0;
    kept_.pop_front();
  }
  return frames;
}

Frames Cohort::build(const Block& block, std::size_t from, std::size_t to) const {
  std::string bytes;
  Frames frames;
  for (std::size_t i = from; i < to; ++i) {
    if (!subscription_.everything() && !subscription_.matches(block, i)) continue;
    if (subscription_.batch()) {
      bytes.append(1, frames.events == 0 ? '[' : ',').append(block.json(i));
    } else {
      bytes.append(block.frame(i));
    }
    ++frames.events;
  }
  if (subscription_.batch() && frames.events != 0) bytes = text_frame(bytes.append(1, ']'));
  if (frames.events != 0) frames.bytes = std::make_shared<const std::string>(std::move(bytes));
  return frames;
}

}  // namespace bridge
