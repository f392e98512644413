#include "core/snapshot.h"

namespace bridge {

void Snapshot::fold(const Block& block) {
  if (block.last_seq() <= folded_seq_) return;
  const std::uint64_t from = folded_seq_ < block.first_seq() ? block.first_seq() : folded_seq_ + 1;
  for (auto i = static_cast<std::size_t>(from - block.first_seq()); i < block.size(); ++i) {
    const EventEntry& e = block.entry(i);
    key_.clear();
    // The sizes keep the parts apart whatever an item's name holds.
    for (const EventEntry::Piece& piece : {e.type, e.source, e.agent_id, e.item}) {
      key_.append(std::to_string(piece.size)).push_back('/');
      key_.append(block.text(piece));
    }
    const auto found = by_key_.find(key_);
    if (found != by_key_.end()) {
      const auto entry = found->second;
      bytes_ -= cost(*entry);
      entry->seq = block.seq(i);
      entry->json = block.json(i);
      bytes_ += cost(*entry);
      entries_.splice(entries_.end(), entries_, entry);
    } else {
      entries_.push_back({key_, block.seq(i), std::string(block.json(i)),
                          std::string(block.text(e.type)), std::string(block.text(e.source)),
                          std::string(block.text(e.agent_id)), std::string(block.text(e.item))});
      by_key_.emplace(key_, std::prev(entries_.end()));
      bytes_ += cost(entries_.back());
    }
    while (entries_.size() > entries_max_ || (bytes_ > bytes_max_ && entries_.size() > 1)) {
      bytes_ -= cost(entries_.front());
      by_key_.erase(entries_.front().key);
      entries_.pop_front();
      ++evicted_;
    }
  }
  folded_seq_ = block.last_seq();
}

void Snapshot::catch_up(EventLog& log) {
  log.seal();
  for (std::uint64_t next = folded_seq_ + 1; next <= log.last_seq();) {
    const BlockPtr block = log.history().find(next);
    if (!block) {  // never: the log folds what it evicts
      next = log.history().first_seq();
      continue;
    }
    fold(*block);
    next = block->last_seq() + 1;
  }
}

}  // namespace bridge
