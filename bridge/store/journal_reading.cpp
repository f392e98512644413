// The journal read back: rows and packed events, as blocks.

#include <algorithm>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "store/journal_statements.h"

namespace bridge {
namespace {

constexpr std::uint64_t kStoredOverhead = 256;  // of an event beside its data, as a rule
constexpr std::size_t kBlocksBack = 8;          // in one answer of read_back()

}  // namespace

JournalResult<std::vector<BlockPtr>> JournalFile::read(std::uint64_t from,
                                                       std::size_t blocks_max) {
  auto blocks = guarded([&] {
    std::vector<BlockPtr> out;
    while (out.size() < blocks_max) {
      BlockPtr block = read_block(out.empty() ? from : out.back()->last_seq() + 1);
      if (!block || (!out.empty() && block->first_seq() != out.back()->last_seq() + 1)) break;
      out.push_back(std::move(block));
    }
    return out;
  });
  if (!blocks) builder_ = BlockBuilder();  // it may hold half a block
  return blocks;
}

// The events from the first one that is held at `from` or after; null where there is none. A row that was changed by somebody
// and is no event is passed over.
BlockPtr JournalFile::read_block(std::uint64_t from) {
  Statement& row = statements_->select;
  for (;;) {
    const auto piece = packed_->at_or_after(from);
    row.bind(1, from);
    bool more = row.step();
    if (piece && (!more || piece->first_seq < row.number(0))) {
      row.reset();
      if (BlockPtr block = unpack_block(*piece, from)) return block;
      from = piece->last_seq + 1;
      continue;
    }
    std::uint64_t next = more ? row.number(0) : from;
    for (; more && row.number(0) == next; more = row.step(), ++next) {
      StoredEvent event;
      event.seq = next;
      event.timestamp_us = microseconds(row.real(1));
      event.data_bytes = static_cast<std::uint32_t>(row.number(2));
      event.json = row.text(3);
      if (!builder_.add_stored(event)) {
        if (!builder_.empty()) break;
      } else if (next % kBlockSeqs == 0 || builder_.bytes() >= kBlockBytesMax) {
        break;
      }
    }
    row.reset();
    if (!builder_.empty()) return builder_.seal();
    if (!more && !piece) return nullptr;
    from = next;
  }
}

// The same of a piece; null where none of it is an event.
BlockPtr JournalFile::unpack_block(const PackedEvents::Piece& piece, std::uint64_t from) {
  for (const PackedEvent& packed : packed_->read(piece)) {
    if (packed.seq < from) continue;
    StoredEvent event;
    event.seq = packed.seq;
    event.timestamp_us = packed.timestamp_us;
    event.data_bytes = packed.data_bytes;
    event.json = packed.body;
    if (!builder_.add_stored(event) && !builder_.empty()) break;
  }
  return builder_.empty() ? nullptr : builder_.seal();
}

JournalResult<std::vector<BlockPtr>> JournalFile::read_back(std::uint64_t to) {
  for (;;) {
    const auto wanted = guarded([&] { return slice_back(to); });
    if (!wanted) return wanted.error();
    // One block, unless events hold much beside their data; then the last few.
    std::vector<BlockPtr> blocks;
    for (std::uint64_t next = wanted.value().from; next <= wanted.value().to; next = blocks.back()->last_seq() + 1) {
      auto block = read(next, 1);
      if (!block) return block.error();
      if (block.value().empty() || block.value()[0]->first_seq() > wanted.value().to) break;
      if (blocks.size() == kBlocksBack) blocks.erase(blocks.begin());
      blocks.push_back(std::move(block.value()[0]));
    }
    if (!blocks.empty() || wanted.value().from <= 1) return blocks;
    to = wanted.value().from - 1;  // nothing of all that is an event
  }
}

// Where a block begins that ends at the last row or packed event at `to` or before, by the sizes of the events that it would
// be made of; {1, 0} where there is none. A piece is one.
SeqRange JournalFile::slice_back(std::uint64_t to) {
  SeqRange wanted{1, 0};
  std::uint64_t bytes = 0;
  Statement& sizes = statements_->sizes;
  sizes.bind(1, to);
  while (sizes.step()) {
    const std::uint64_t seq = sizes.number(0);
    bytes += sizes.number(1) + kStoredOverhead;
    if (wanted.to == 0) {
      wanted.to = seq;
    } else if (seq + 1 != wanted.from || seq % kBlockSeqs == 0 || bytes > kBlockBytesMax) {
      break;
    }
    wanted.from = seq;
  }
  sizes.reset();
  const auto piece = packed_->at_or_before(to);
  if (piece && (wanted.to == 0 || piece->first_seq > wanted.to)) return {piece->first_seq, std::min(piece->last_seq, to)};
  return wanted;
}

// The first event at `seq` or after. Of a packed one the stamp may be another one's that stands to each of `compared_us` as
// its own does, so that few pieces are unpacked for it.
std::optional<StampedSeq> JournalFile::stamp_at(std::uint64_t seq, std::initializer_list<std::int64_t> compared_us) {
  Statement& stamp = statements_->stamp;
  stamp.bind(1, seq);
  std::optional<StampedSeq> event;
  if (stamp.step()) event = StampedSeq{stamp.number(0), microseconds(stamp.real(1))};
  stamp.reset();
  const auto piece = packed_->at_or_after(seq);
  if (!piece || (event && event->seq < piece->first_seq)) return event;
  event = StampedSeq{std::max(seq, piece->first_seq), piece->oldest_us};
  if (std::all_of(compared_us.begin(), compared_us.end(),
                  [&](std::int64_t us) { return piece->newest_us < us || piece->oldest_us >= us; })) {
    return event;
  }
  try {
    event->timestamp_us = packed_->read(*piece)[event->seq - piece->first_seq].timestamp_us;
  } catch (const PieceDamaged&) {
    // Nobody reads it; its oldest stamp is near enough.
  }
  return event;
}

JournalResult<std::uint64_t> JournalFile::first_seq_since(std::int64_t timestamp_us) {
  return guarded([&] {
    return bridge::first_seq_since(contents_.epochs, first_seq_, last_row_seq_ + 1, timestamp_us,
                                   [&](std::uint64_t seq) { return stamp_at(seq, {timestamp_us}); });
  });
}

}  // namespace bridge
