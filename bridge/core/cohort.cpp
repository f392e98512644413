#include "core/cohort.h"

#include <utility>

#include "event/messages.h"
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
    return {std::shared_ptr<const std::string>(block, &block->frames()), block->size(),
            block->gaps()};
  }
  for (auto kept = kept_.rbegin(); kept != kept_.rend(); ++kept) {
    if (kept->block == block) return kept->frames;
  }
  Frames frames = build(*block, 0, block->size());
  if (as_is && frames.bytes && frames.bytes->size() == block->frames().size()) {
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
  std::string list;  // of a batch, without its end
  const auto end_list = [&bytes, &list] {
    if (list.empty()) return;
    bytes.append(text_frame(list.append(1, ']')));
    list.clear();
  };
  Frames frames;
  for (std::size_t i = from; i < to; ++i) {
    if (block.entry(i).gap_size != 0 && wants_gap(block, i)) {
      end_list();
      bytes.append(block.gap_frame(i));
      ++frames.gaps;
    }
    if (!subscription_.everything() && !subscription_.matches(block, i)) continue;
    if (subscription_.batch()) {
      list.append(1, list.empty() ? '[' : ',').append(block.json(i));
    } else {
      bytes.append(block.frame(i));
    }
    ++frames.events;
  }
  end_list();
  if (!bytes.empty()) frames.bytes = std::make_shared<const std::string>(std::move(bytes));
  return frames;
}

bool Cohort::wants_gap(const Block& block, std::size_t index) const {
  const auto lost = read_source_lost(block.text(block.entry(index).data));
  return lost && subscription_.may_want_source(lost->source);
}

}  // namespace bridge
