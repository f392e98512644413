#include "log/history.h"

#include <algorithm>
#include <cassert>
#include <utility>
#include <vector>

namespace bridge {
namespace {

// Once this many blocks at the new end are all below one of these sizes, they become one. Each
// event is so copied at most once a size.
constexpr std::size_t kMergeCount = 16;
constexpr std::size_t kSmallSizes[] = {1024, 16 * 1024};

// Lower limits are come to by so much with each block.
constexpr std::uint64_t kEventsAStep = 8192;
constexpr std::size_t kBytesAStep = 4u << 20;

}  // namespace

History::History(HistoryLimits limits, std::function<void(const Block&)> on_evict,
                 std::uint64_t last_seq)
    : limits_(limits), wanted_(limits), on_evict_(std::move(on_evict)), last_seq_(last_seq) {}

void History::append(BlockPtr block) {
  put(std::move(block));
  merge_small_blocks();
  evict();
}

void History::adopt(BlockPtr block) {
  put(std::move(block));
  evict();
}

void History::put(BlockPtr block) {
  assert(block->first_seq() == last_seq_ + 1);
  last_seq_ = block->last_seq();
  events_ += block->size();
  bytes_ += block->memory_bytes();
  blocks_.push_back(std::move(block));
}

void History::replace(const BlockPtr& merged) {
  const std::size_t from = index_of(merged->first_seq());
  const std::size_t last = index_of(merged->last_seq());
  if (last >= blocks_.size() || blocks_[from]->first_seq() != merged->first_seq() ||
      blocks_[last]->last_seq() != merged->last_seq()) {
    return;
  }
  for (std::size_t i = from; i <= last; ++i) bytes_ -= blocks_[i]->memory_bytes();
  blocks_[from] = merged;
  blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(from) + 1,
                blocks_.begin() + static_cast<std::ptrdiff_t>(last) + 1);
  bytes_ += merged->memory_bytes();
}

void History::merge_small_blocks() {
  for (const std::size_t small : kSmallSizes) {
    if (blocks_.size() < kMergeCount) return;
    const auto from = blocks_.end() - static_cast<std::ptrdiff_t>(kMergeCount);
    const bool all_small = std::all_of(
        from, blocks_.end(), [small](const BlockPtr& b) { return b->frames().size() < small; });
    const std::uint64_t events = last_seq_ - (*from)->first_seq() + 1;
    if (!all_small || events > limits_.block_events_max()) continue;
    const std::vector<BlockPtr> parts(from, blocks_.end());
    for (const BlockPtr& part : parts) bytes_ -= part->memory_bytes();
    blocks_.erase(from, blocks_.end());
    blocks_.push_back(BlockBuilder::merge(parts));
    bytes_ += blocks_.back()->memory_bytes();
    if (on_merge_) on_merge_(blocks_.back());
  }
}

void History::approach_limits() {
  const auto step = [](auto limit, auto held, auto wanted, auto by) {
    return limit <= wanted ? wanted : std::max(wanted, std::min(limit, held) - std::min(std::min(limit, held), by));
  };
  limits_.events_max = step(limits_.events_max, events_, wanted_.events_max, kEventsAStep);
  limits_.bytes_max = step(limits_.bytes_max, bytes_, wanted_.bytes_max, kBytesAStep);
}

void History::evict() {
  approach_limits();
  while (blocks_.size() > 1) {
    const BlockPtr& oldest = blocks_.front();
    if (events_ - oldest->size() < limits_.events_max && bytes_ <= limits_.bytes_max) return;
    if (on_evict_) on_evict_(*oldest);
    events_ -= oldest->size();
    bytes_ -= oldest->memory_bytes();
    blocks_.pop_front();
  }
}

std::size_t History::index_of(std::uint64_t seq) const {
  const auto it = std::partition_point(blocks_.begin(), blocks_.end(),
                                       [seq](const BlockPtr& b) { return b->last_seq() < seq; });
  return static_cast<std::size_t>(it - blocks_.begin());
}

BlockPtr History::find(std::uint64_t seq) const {
  if (seq < first_seq() || seq > last_seq_) return nullptr;
  // Live clients ask for the newest block: look there before searching.
  if (blocks_.back()->contains(seq)) return blocks_.back();
  return blocks_[index_of(seq)];
}

}  // namespace bridge
