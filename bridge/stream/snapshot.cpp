#include "stream/snapshot.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace bridge {

// What of an event may differ from that of the same thing before.
void Snapshot::describe(const Block& block, std::size_t index, Entry& entry) {
  const EventEntry& e = block.entry(index);
  entry.seq = block.seq(index);
  entry.json = block.json(index);
  entry.timestamp_us = e.timestamp_us;
  entry.data_bytes = e.data.size;
  entry.agent_is_text = e.agent_kind == IndexedField::Kind::text;
  entry.item_is_text = e.item_kind == IndexedField::Kind::text;
}

// The sizes, which keep the parts apart whatever an item's name holds, and the parts.
void Snapshot::make_key(const Block& block, const EventEntry& e) {
  const std::string_view parts[] = {block.text(e.type), block.text(e.source),
                                    block.text(e.agent_id), block.text(e.item)};
  std::uint32_t sizes[std::size(parts)];
  std::size_t bytes = sizeof sizes;
  for (std::size_t i = 0; i < std::size(parts); ++i) {
    sizes[i] = static_cast<std::uint32_t>(parts[i].size());
    bytes += sizes[i];
  }
  key_.resize(bytes);
  std::memcpy(key_.data(), sizes, sizeof sizes);
  char* p = key_.data() + sizeof sizes;
  for (const std::string_view part : parts) p = std::copy(part.begin(), part.end(), p);
}

void Snapshot::fold(const Block& block, std::uint64_t to_seq) {
  if (to_seq <= folded_seq_) return;
  const std::uint64_t from = folded_seq_ < block.first_seq() ? block.first_seq() : folded_seq_ + 1;
  for (auto i = static_cast<std::size_t>(from - block.first_seq());
       i < block.size() && block.seq(i) <= to_seq; ++i) {
    const EventEntry& e = block.entry(i);
    make_key(block, e);
    const auto found = by_key_.find(key_);
    if (found != by_key_.end()) {
      const auto entry = found->second;
      bytes_ -= cost(*entry);
      describe(block, i, *entry);
      bytes_ += cost(*entry);
      entries_.splice(entries_.end(), entries_, entry);
    } else {
      Entry& entry = entries_.emplace_back();
      entry.key = key_;
      entry.type = block.text(e.type);
      entry.source = block.text(e.source);
      entry.agent_id = block.text(e.agent_id);
      entry.item = block.text(e.item);
      describe(block, i, entry);
      by_key_.emplace(key_, std::prev(entries_.end()));
      bytes_ += cost(entry);
    }
    while (entries_.size() > entries_max_ || (bytes_ > bytes_max_ && entries_.size() > 1)) {
      bytes_ -= cost(entries_.front());
      by_key_.erase(entries_.front().key);
      entries_.pop_front();
      ++evicted_;
    }
  }
  folded_seq_ = std::min(to_seq, block.last_seq());
}

void Snapshot::catch_up(EventLog& log) {
  if (log.head() > log.history().last_seq()) log.seal();
  for (std::uint64_t next = folded_seq_ + 1; next <= log.head();) {
    const BlockPtr block = log.history().find(next);
    if (!block) {  // never: the log folds what it evicts
      next = std::max(next + 1, log.history().first_seq());
      continue;
    }
    fold(*block, log.head());
    next = folded_seq_ + 1;
  }
}

Frames Snapshot::frames(const Subscription& subscription, std::uint64_t after_seq,
                        std::uint64_t to_seq, Deflater* deflater) const {
  auto entry = entries_.end();
  while (entry != entries_.begin() && std::prev(entry)->seq > after_seq) --entry;
  FramesBuilder frames(subscription.batch(), deflater);
  BlockBuilder builder;
  for (; entry != entries_.end() && entry->seq <= to_seq; ++entry) {
    StoredEvent event;
    event.seq = entry->seq;
    event.timestamp_us = entry->timestamp_us;
    event.json = entry->json;
    event.data_bytes = entry->data_bytes;
    if (entry->agent_is_text) event.agent_id = entry->agent_id;
    if (entry->item_is_text) event.item = entry->item;
    if (!builder.add_stored(event)) continue;  // never: it was written by add()
    const BlockPtr one = builder.seal();
    if (subscription.everything() || subscription.matches(*one, 0)) frames.add(*one, 0);
  }
  return frames.finish();
}

}  // namespace bridge
