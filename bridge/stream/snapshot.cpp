#include "stream/snapshot.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "base/limits.h"
#include "base/request_budget.h"

namespace bridge {
namespace {

constexpr std::uint64_t kFoldWork = 48;           // an event
constexpr std::uint64_t kKeptWork = 8;            // likewise, for each who reads
constexpr std::uint64_t kReadWork = 8;            // an entry's text that is given as it is
constexpr std::uint64_t kEntryWork = 32;          // taken out again
constexpr std::uint64_t kEntryBytesPerWork = 64;  // of its text, which is checked and copied

}  // namespace

// What of an event may differ from that of the same thing before.
void Snapshot::describe(const Block& block, std::size_t index, Entry& entry) {
  const EventEntry& e = block.entry(index);
  entry.json = block.json(index);
  entry.timestamp_us = e.timestamp_us;
  entry.data_bytes = e.data.size;
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

void Snapshot::add(const Entry& entry) {
  bytes_ += cost(entry);
  text_bytes_ += entry.json.size() + 1;
}

// Before it changes or goes. Who reads it keeps it.
void Snapshot::take_away(std::uint64_t seq, const Entry& entry) {
  bytes_ -= cost(entry);
  text_bytes_ -= entry.json.size() + 1;
  for (const auto& one : readers_) {
    if (const auto reader = one.lock()) reader->keep(seq, entry);
  }
}

void Snapshot::fold(const Block& block, std::uint64_t to_seq) {
  if (to_seq <= folded_seq_) return;
  by_key_.reserve(std::min(entries_max_, kSnapshotEntriesMax));  // once: growing later would move them all at a time
  const std::uint64_t from = std::max(block.first_seq(), folded_seq_ + 1);
  // From the newest on: of a thing that changes many times in a block, only the last is of use.
  auto newer = entries_.end();
  for (std::uint64_t seq = to_seq; seq >= from; --seq) {
    const auto i = static_cast<std::size_t>(seq - block.first_seq());
    make_key(block, block.entry(i));
    const auto [place, is_new] = by_key_.try_emplace(key_, seq);
    if (is_new) {
      newer = entries_.emplace_hint(newer, seq, Entry{});
      newer->second.key = key_;
    } else {
      if (place->second >= from) continue;
      auto node = entries_.extract(std::exchange(place->second, seq));
      take_away(node.key(), node.mapped());
      node.key() = seq;
      newer = entries_.insert(newer, std::move(node));
    }
    describe(block, i, newer->second);
    add(newer->second);
  }
  while (entries_.size() > entries_max_ || (bytes_ > bytes_max_ && entries_.size() > 1)) {
    const auto oldest = entries_.begin();
    take_away(oldest->first, oldest->second);
    by_key_.erase(oldest->second.key);
    entries_.erase(oldest);
    ++evicted_;
  }
  folded_seq_ = to_seq;
}

bool Snapshot::catch_up(EventLog& log, std::uint64_t to_seq, std::uint64_t work_max,
                        std::uint64_t* work) {
  log.seal_for_readers();
  const std::uint64_t enough = *work + work_max;
  to_seq = std::min(to_seq, log.head());
  while (folded_seq_ < to_seq) {
    if (*work >= enough) return false;
    const std::uint64_t next = std::max(folded_seq_ + 1, log.history().first_seq());
    const BlockPtr block = log.history().find(next);
    if (!block) return true;  // never: the log folds what it evicts
    std::uint64_t last = next - 1;
    do {
      ++last;
      const std::size_t bytes = block->entry(static_cast<std::size_t>(last - block->first_seq())).frame_size;
      *work += kFoldWork + kKeptWork * readers_.size() + bytes / kEntryBytesPerWork;
    } while (last < std::min(block->last_seq(), to_seq) && *work < enough);
    fold(*block, last);
  }
  return true;
}

Snapshot::Part Snapshot::frames(const Subscription& subscription, std::uint64_t after_seq,
                                std::uint64_t to_seq, std::uint64_t work_max, std::uint64_t* work,
                                Deflater* deflater, std::string_view epoch) const {
  const std::uint64_t enough = *work + work_max;
  FramesBuilder frames(subscription, deflater, epoch);
  BlockBuilder builder;
  auto entry = entries_.upper_bound(after_seq);
  for (; entry != entries_.end() && entry->first <= to_seq && *work < enough; ++entry) {
    const Entry& e = entry->second;
    *work += kEntryWork + subscription.work(e.data_bytes) + e.json.size() / kEntryBytesPerWork;
    StoredEvent event;
    event.seq = entry->first;
    event.timestamp_us = e.timestamp_us;
    event.json = e.json;
    event.data_bytes = e.data_bytes;
    if (!builder.add_stored(event)) continue;  // never: it was written by add()
    const BlockPtr one = builder.seal();
    if (!subscription.everything() && !subscription.matches(*one, 0)) continue;
    frames.add(*one, 0);
    if (deflater != nullptr) *work += e.json.size() / kDeflatedBytesPerWork;
  }
  const bool ended = entry == entries_.end() || entry->first > to_seq;
  return {frames.finish(), ended ? to_seq : std::prev(entry)->first};
}

std::shared_ptr<Snapshot::Reader> Snapshot::reader(std::size_t bytes_max) {
  const auto gone = [](const std::weak_ptr<Reader>& one) { return one.expired(); };
  readers_.erase(std::remove_if(readers_.begin(), readers_.end(), gone), readers_.end());
  auto made = std::make_shared<Reader>(*this, bytes_max);
  readers_.push_back(made);
  return made;
}

Snapshot::Reader::Reader(const Snapshot& snapshot, std::size_t bytes_max)
    : snapshot_(snapshot),
      bytes_max_(bytes_max + 1),
      to_seq_(snapshot.folded_seq_),
      left_bytes_(snapshot.text_bytes_),
      complete_(snapshot.evicted_ == 0) {}

// Where much is kept, what has no room anyway goes: older than as much as may be given.
void Snapshot::Reader::keep(std::uint64_t seq, const Entry& entry) {
  if (seq <= after_ || seq > to_seq_) return;
  kept_.emplace(seq, Entry{{}, entry.json, entry.timestamp_us, entry.data_bytes});
  kept_bytes_ += entry.json.size() + 1;
  while (kept_bytes_ > std::min(bytes_max_, kReplyBytesMax + 1)) {
    const auto oldest = kept_.begin();
    left_out_ = std::max(left_out_, oldest->first);
    left_bytes_ -= oldest->second.json.size() + 1;
    kept_bytes_ -= oldest->second.json.size() + 1;
    complete_ = false;
    kept_.erase(oldest);
  }
}

bool Snapshot::Reader::read(std::uint64_t enough, std::uint64_t* work,
                            const std::function<void(const Entry&)>& each) {
  const auto& entries = snapshot_.entries_;
  for (auto entry = entries.upper_bound(after_); *work < enough;) {
    const bool here = entry != entries.end() && entry->first <= to_seq_;
    if (!here && kept_.empty()) return true;
    const bool kept = !kept_.empty() && (!here || kept_.begin()->first < entry->first);
    after_ = kept ? kept_.begin()->first : entry->first;
    const Entry& read = kept ? kept_.begin()->second : entry->second;
    const std::size_t bytes = read.json.size() + 1;
    *work += kReadWork;
    if (left_bytes_ <= bytes_max_ && after_ > left_out_) {
      each(read);
      *work += bytes / kCopiedBytesPerWork;
    } else {
      complete_ = false;
    }
    left_bytes_ -= bytes;
    if (kept) {
      kept_bytes_ -= bytes;
      kept_.erase(kept_.begin());
    } else {
      ++entry;
    }
  }
  return false;
}

}  // namespace bridge
