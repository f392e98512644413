// The newest part of the log, in memory: what live clients, slow ones and `since` read from.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>

#include "base/limits.h"
#include "event/block.h"

namespace bridge {

struct HistoryLimits {
  std::uint64_t events_max = 200'000;
  std::size_t bytes_max = 256u << 20;  // memory, bookkeeping included

  // Blocks are kept to a fraction of the whole, so that eviction, which goes by blocks, is even.
  std::uint64_t block_events_max() const { return std::max<std::uint64_t>(1, events_max / 8); }
  std::size_t block_bytes_max() const {
    return std::min(kBlockBytesMax, std::max<std::size_t>(1, bytes_max / 8));
  }
};

// Sealed blocks without holes, oldest first. Whole blocks leave at the old end as soon as the
// others hold the newest `events_max` events, or where they all take more than `bytes_max`; the
// newest block always stays. Small blocks are merged as they age, so that an hour of lone events is
// not an hour of tiny blocks; positions are seqs, so nobody notices. One thread.
class History {
 public:
  // `on_evict` is called with each block just before it leaves; it may be empty. The first block
  // goes on behind `last_seq`.
  explicit History(HistoryLimits limits, std::function<void(const Block&)> on_evict = {},
                   std::uint64_t last_seq = 0);

  // REQUIRES: block->first_seq() == last_seq() + 1.
  void append(BlockPtr block);

  // The same without merging: for a history that is told what another has merged, so that both
  // share it.
  void adopt(BlockPtr block);
  // Puts a merged block in the place of those that it was made of; where some of them have left
  // already, nothing.
  void replace(const BlockPtr& merged);
  // Called with each merged block.
  void set_on_merge(std::function<void(const BlockPtr&)> on_merge) {
    on_merge_ = std::move(on_merge);
  }

  // From now on. Where it is less than before, the oldest leave a little at a time, as others come: who looks into what
  // leaves (on_evict) must not take long.
  void set_limits(HistoryLimits limits) { wanted_ = limits; }

  // The block that holds `seq`, or null.
  BlockPtr find(std::uint64_t seq) const;

  // The oldest event held; last_seq() + 1 where none is.
  std::uint64_t first_seq() const {
    return blocks_.empty() ? last_seq_ + 1 : blocks_.front()->first_seq();
  }
  std::uint64_t last_seq() const { return last_seq_; }

  std::uint64_t events() const { return events_; }
  std::size_t bytes() const { return bytes_; }
  const std::deque<BlockPtr>& blocks() const { return blocks_; }

 private:
  void merge_small_blocks();
  void put(BlockPtr block);
  void approach_limits();
  void evict();
  std::size_t index_of(std::uint64_t seq) const;

  HistoryLimits limits_;
  HistoryLimits wanted_;  // what these are on their way to
  const std::function<void(const Block&)> on_evict_;
  std::function<void(const BlockPtr&)> on_merge_;
  std::deque<BlockPtr> blocks_;
  std::uint64_t last_seq_ = 0;
  std::uint64_t events_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace bridge
