// A block: a run of accepted events, stamped, numbered and framed for the wire, with an index.
//
// Blocks are what the log is made of and what goes to clients: a client that wants every event of a
// block is sent its bytes as they are. A block never changes once it is sealed, so any number of
// sessions and threads may hold it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "event/envelope.h"
#include "event/event_line.h"

namespace bridge {

// One event in a block. Offsets are into the block's bytes, or, for text that had escapes, into its
// side text. Read through Block's functions.
struct EventEntry {
  struct Piece {
    std::uint32_t offset = 0;
    std::uint32_t size : 31;
    std::uint32_t aside : 1;  // lies in the side text
    Piece() : size(0), aside(0) {}
  };
  std::uint32_t frame_offset = 0;
  std::uint32_t frame_size = 0;   // header and JSON
  std::uint32_t header_size = 0;
  std::uint32_t gap_size = 0;     // of a gap message's frame right in front of this one; 0 = none
  std::int64_t timestamp_us = 0;  // when the bridge accepted it
  std::uint64_t source_seq = 0;   // 0 = none
  Piece type;
  Piece data;
  Piece source;
  Piece run;
  Piece agent_id;
  Piece item;
  IndexedField::Kind agent_kind = IndexedField::Kind::absent;
  IndexedField::Kind item_kind = IndexedField::Kind::absent;
};

// An event as it went out before. The rest of its index stands in the text, at places that add() fixed.
struct StoredEvent {
  std::uint64_t seq = 0;
  std::int64_t timestamp_us = 0;
  std::string_view json;
  std::uint32_t data_bytes = 0;  // of the text of `data` in `json`
  // Their meaning, where it is text and known: who wants them else looks into the data.
  std::optional<std::string_view> agent_id;
  std::optional<std::string_view> item;
};

class Block {
 public:
  std::uint64_t first_seq() const { return first_seq_; }
  std::uint64_t last_seq() const { return first_seq_ + entries_.size() - 1; }
  std::size_t size() const { return entries_.size(); }
  bool contains(std::uint64_t seq) const { return seq >= first_seq() && seq <= last_seq(); }

  // All frames, one after the other; those of gap messages in their places among them.
  const std::string& frames() const { return frames_; }

  const EventEntry& entry(std::size_t i) const { return entries_[i]; }
  std::uint64_t seq(std::size_t i) const { return first_seq_ + i; }

  std::string_view text(const EventEntry::Piece& p) const {
    return std::string_view(p.aside ? side_ : frames_).substr(p.offset, p.size);
  }
  // The event as it goes to clients and bots, without the frame's header.
  std::string_view json(std::size_t i) const {
    const EventEntry& e = entries_[i];
    return std::string_view(frames_).substr(e.frame_offset + e.header_size,
                                            e.frame_size - e.header_size);
  }
  std::string_view frame(std::size_t i) const {
    return std::string_view(frames_).substr(entries_[i].frame_offset, entries_[i].frame_size);
  }
  // The gap message, a whole frame, that stands in front of an event of the bridge's own that records
  // a loss of a source's; empty in front of any other.
  std::string_view gap_frame(std::size_t i) const {
    const EventEntry& e = entries_[i];
    return std::string_view(frames_).substr(e.frame_offset - e.gap_size, e.gap_size);
  }
  // The events that have one.
  std::size_t gaps() const { return gaps_; }

  // What the block costs in memory, bookkeeping included.
  std::size_t memory_bytes() const {
    return sizeof(Block) + frames_.capacity() + side_.capacity() +
           entries_.capacity() * sizeof(EventEntry) + kSharedOverhead;
  }

 private:
  friend class BlockBuilder;
  static constexpr std::size_t kSharedOverhead = 96;  // shared_ptr's count, allocator headers

  std::uint64_t first_seq_ = 0;
  std::size_t gaps_ = 0;
  std::string frames_;
  std::string side_;
  std::vector<EventEntry> entries_;
};

using BlockPtr = std::shared_ptr<const Block>;

// Gathers events into the next block. Its memory is reused from block to block: adding an event
// allocates nothing once it has grown. One thread.
class BlockBuilder {
 public:
  // Writes the event's outgoing form, and in front of an event of the bridge's own that records a loss
  // (messages.h) the gap message for it. REQUIRES: seq continues the block's numbering; the event is
  // UTF-8.
  void add(const Envelope& event, std::uint64_t seq, std::int64_t timestamp_us);

  // The same for an event that comes as its line (event_line.h): byte for byte what add() would write. Fields of
  // `data` are looked for there by who filters by them. REQUIRES: as add(); read_event_line() gave the line.
  void add_line(const EventLine& line, std::uint64_t seq, std::int64_t timestamp_us);

  // Takes in an event that was written out before, byte for byte. False where `json` is not of the
  // form that add() writes or not UTF-8, or `data_bytes` does not fit it; the block is then as before.
  // REQUIRES: event.seq continues the block's numbering.
  [[nodiscard]] bool add_stored(const StoredEvent& event);

  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const { return frames_bytes_; }

  // The events so far as an immutable block; the builder is empty after. REQUIRES: !empty().
  BlockPtr seal();

  // One block out of several that follow on each other. REQUIRES: at least one block.
  static BlockPtr merge(const std::vector<BlockPtr>& blocks);

 private:
  char* room(std::size_t bytes);
  void stamp(std::int64_t timestamp_us);
  std::uint32_t put_gap(const Envelope& event, std::int64_t timestamp_us);
  EventEntry::Piece put_field(const IndexedField& field, std::string_view data,
                              std::uint32_t data_offset);

  std::uint64_t first_seq_ = 0;
  std::size_t gaps_ = 0;
  std::string frames_;  // its first frames_bytes_ are in use
  std::size_t frames_bytes_ = 0;
  std::string side_;
  std::vector<EventEntry> entries_;
  std::string stamp_;  // what stands between data and seq at stamp_us_: a batch shares one
  std::int64_t stamp_us_ = -1;
};

}  // namespace bridge
