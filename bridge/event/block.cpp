#include "event/block.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "event/messages.h"
#include "event/ws_frame.h"

namespace bridge {
namespace {

constexpr std::size_t kRoomBytesMin = 512;

// Writes `text` at `p`; returns where it ends.
char* put(char* p, std::string_view text) {
  std::memcpy(p, text.data(), text.size());
  return p + text.size();
}

// The same for a name or a number: short as a rule, and then without a call.
char* put_short(char* p, std::string_view text) {
  const std::size_t size = text.size();
  if (size < 8 || size > 32) return put(p, text);
  const char* const from = text.data();
  if (size <= 16) {
    std::memcpy(p, from, 8);
    std::memcpy(p + size - 8, from + size - 8, 8);
  } else {
    std::memcpy(p, from, 16);
    std::memcpy(p + size - 16, from + size - 16, 16);
  }
  return p + size;
}

std::string_view digits(std::uint64_t n, char (&buffer)[20]) {
  const auto r = std::to_chars(buffer, buffer + sizeof buffer, n);
  return {buffer, static_cast<std::size_t>(r.ptr - buffer)};
}

}  // namespace

// Where so many bytes more may be written. They count once frames_bytes_ says so.
char* BlockBuilder::room(std::size_t bytes) {
  const std::size_t needed = frames_bytes_ + bytes;
  if (needed > frames_.size()) frames_.resize(std::max({needed, 2 * frames_.size(), kRoomBytesMin}));
  return frames_.data() + frames_bytes_;
}

void BlockBuilder::stamp(std::int64_t timestamp_us) {
  if (timestamp_us == stamp_us_) return;
  stamp_ = R"(,"timestamp":)";
  append_seconds(stamp_, timestamp_us);
  stamp_ += R"(,"seq":)";
  stamp_us_ = timestamp_us;
}

EventEntry::Piece BlockBuilder::put_field(const IndexedField& field, std::string_view data,
                                          std::uint32_t data_offset) {
  EventEntry::Piece piece;
  if (field.kind != IndexedField::Kind::text) return piece;
  piece.size = static_cast<std::uint32_t>(field.text.size()) & 0x7FFFFFFFu;
  if (field.decoded) {
    piece.aside = 1;
    piece.offset = static_cast<std::uint32_t>(side_.size());
    side_.append(field.text);
  } else {
    piece.offset = data_offset + static_cast<std::uint32_t>(field.text.data() - data.data());
  }
  return piece;
}

// Returns the size of what it wrote.
std::uint32_t BlockBuilder::put_gap(const Envelope& event, std::int64_t timestamp_us) {
  if (event.source != kOwnSource || event.type != "system_status") return 0;
  const auto lost = read_source_lost(event.data);
  if (!lost) return 0;
  const std::string gap = text_frame(source_lost_gap(*lost, timestamp_us));
  put(room(gap.size()), gap);
  frames_bytes_ += gap.size();
  ++gaps_;
  return static_cast<std::uint32_t>(gap.size());
}

void BlockBuilder::add(const Envelope& event, std::uint64_t seq, std::int64_t timestamp_us) {
  if (entries_.empty()) first_seq_ = seq;
  assert(seq == first_seq_ + entries_.size());
  stamp(timestamp_us);
  char seq_buffer[20];
  char source_seq_buffer[20];
  const std::string_view seq_text = digits(seq, seq_buffer);
  const std::string_view source_seq_text =
      event.source_seq != 0 ? digits(event.source_seq, source_seq_buffer) : std::string_view();

  // The frame's header needs the size of what follows, so the pieces are added up first.
  constexpr std::string_view kType = R"({"type":")", kData = R"(","data":)",
                             kSource = R"(,"source":")", kRun = R"(,"run":")",
                             kSourceSeq = R"(,"source_seq":)",
                             kSourceTimestamp = R"(,"source_timestamp":)";
  std::size_t size = kType.size() + event.type.size() + kData.size() + event.data.size() +
                     stamp_.size() + seq_text.size() + 1;
  if (!event.source.empty()) size += kSource.size() + event.source.size() + 1;
  if (!event.run.empty()) size += kRun.size() + event.run.size() + 1;
  if (!source_seq_text.empty()) size += kSourceSeq.size() + source_seq_text.size();
  if (!event.source_timestamp.empty()) {
    size += kSourceTimestamp.size() + event.source_timestamp.size();
  }
  for (const std::string_view other : event.others) size += 1 + other.size();

  EventEntry& entry = entries_.emplace_back();
  entry.gap_size = put_gap(event, timestamp_us);
  entry.frame_offset = static_cast<std::uint32_t>(frames_bytes_);
  entry.header_size = static_cast<std::uint32_t>(frame_header_size(size));
  entry.frame_size = entry.header_size + static_cast<std::uint32_t>(size);
  entry.timestamp_us = timestamp_us;
  entry.source_seq = event.source_seq;

  char* const frame = room(entry.frame_size);
  char* p = write_text_frame_header(frame, size);
  const auto put_piece = [&](std::string_view text) {
    EventEntry::Piece piece;
    piece.offset = entry.frame_offset + static_cast<std::uint32_t>(p - frame);
    piece.size = static_cast<std::uint32_t>(text.size()) & 0x7FFFFFFFu;
    p = put_short(p, text);
    return piece;
  };
  p = put(p, kType);
  entry.type = put_piece(event.type);
  p = put(p, kData);
  entry.data = put_piece(event.data);
  p = put(p, stamp_);
  p = put_short(p, seq_text);
  if (!event.source.empty()) {
    p = put(p, kSource);
    entry.source = put_piece(event.source);
    *p++ = '"';
  }
  if (!event.run.empty()) {
    p = put(p, kRun);
    entry.run = put_piece(event.run);
    *p++ = '"';
  }
  if (!source_seq_text.empty()) {
    p = put(p, kSourceSeq);
    p = put_short(p, source_seq_text);
  }
  if (!event.source_timestamp.empty()) {
    p = put(p, kSourceTimestamp);
    p = put_short(p, event.source_timestamp);
  }
  for (const std::string_view other : event.others) {
    *p++ = ',';
    p = put(p, other);
  }
  *p++ = '}';
  assert(p == frame + entry.frame_size);
  assert(is_utf8({p - size, size}));
  frames_bytes_ += entry.frame_size;

  entry.agent_kind = event.agent_id.kind;
  entry.item_kind = event.item.kind;
  entry.agent_id = put_field(event.agent_id, event.data, entry.data.offset);
  entry.item = put_field(event.item, event.data, entry.data.offset);
}

void BlockBuilder::add_line(const EventLine& line, std::uint64_t seq, std::int64_t timestamp_us) {
  if (entries_.empty()) first_seq_ = seq;
  assert(seq == first_seq_ + entries_.size());
  stamp(timestamp_us);
  char seq_buffer[20];
  const std::string_view seq_text = digits(seq, seq_buffer);
  const std::string_view front = line.until_data();
  const std::size_t added = stamp_.size() + seq_text.size();
  const std::size_t size = line.text.size() + added;
  Envelope own;
  own.type = line.type;
  own.source = line.source;
  own.data = line.data;

  EventEntry& entry = entries_.emplace_back();
  entry.gap_size = put_gap(own, timestamp_us);
  entry.frame_offset = static_cast<std::uint32_t>(frames_bytes_);
  entry.header_size = static_cast<std::uint32_t>(frame_header_size(size));
  entry.frame_size = entry.header_size + static_cast<std::uint32_t>(size);
  entry.timestamp_us = timestamp_us;
  entry.source_seq = line.source_seq;
  entry.agent_kind = entry.item_kind = IndexedField::Kind::other;
  char* p = write_text_frame_header(room(entry.frame_size), size);
  p = put(p, front);
  p = put(p, stamp_);
  p = put_short(p, seq_text);
  put(p, line.behind_data());
  frames_bytes_ += entry.frame_size;
  const auto place = [&](std::string_view text) {
    EventEntry::Piece piece;
    if (text.empty()) return piece;
    const auto at = static_cast<std::size_t>(text.data() - line.text.data());
    piece.offset = entry.frame_offset + entry.header_size +
                   static_cast<std::uint32_t>(at < front.size() ? at : at + added);
    piece.size = static_cast<std::uint32_t>(text.size()) & 0x7FFFFFFFu;
    return piece;
  };
  entry.type = place(line.type);
  entry.data = place(line.data);
  entry.source = place(line.source);
  entry.run = place(line.run);
}

bool BlockBuilder::add_stored(const StoredEvent& event) {
  if (entries_.empty()) first_seq_ = event.seq;
  assert(event.seq == first_seq_ + entries_.size());
  const std::size_t size = event.json.size();
  EventEntry entry;
  entry.header_size = static_cast<std::uint32_t>(frame_header_size(size));
  entry.frame_size = entry.header_size + static_cast<std::uint32_t>(size);
  entry.timestamp_us = event.timestamp_us;

  // The form is add()'s, so every piece stands behind the one before it. Offsets are into the JSON
  // until its place in the block is known.
  std::string_view left = event.json;
  const auto expect = [&left](std::string_view text) {
    const bool there = left.substr(0, text.size()) == text;
    if (there) left.remove_prefix(text.size());
    return there;
  };
  const auto take = [&](std::size_t bytes) {
    EventEntry::Piece p;
    p.offset = static_cast<std::uint32_t>(size - left.size());
    p.size = static_cast<std::uint32_t>(bytes) & 0x7FFFFFFFu;
    left.remove_prefix(bytes);
    return p;
  };
  // Names have no escapes, so the next quote ends one.
  const auto take_name = [&](EventEntry::Piece* p) {
    const std::size_t end = left.find('"');
    if (end == std::string_view::npos || end == 0) return false;
    *p = take(end);
    return expect("\"");
  };
  const auto take_number = [&] {
    std::uint64_t n = 0;
    while (!left.empty() && left.front() >= '0' && left.front() <= '9') {
      n = n * 10 + static_cast<std::uint64_t>(left.front() - '0');
      left.remove_prefix(1);
    }
    return n;
  };
  // What cannot be sent is not taken, or its readers would be cut off with it each time they resume.
  if (!is_utf8(event.json)) return false;
  if (!expect(R"({"type":")") || !take_name(&entry.type) || !expect(R"(,"data":)") ||
      event.data_bytes < 2 || event.data_bytes > left.size()) {
    return false;
  }
  const std::string_view data = left.substr(0, event.data_bytes);
  entry.data = take(data.size());
  if (data.front() != '{' || data.back() != '}' || !expect(R"(,"timestamp":)")) return false;
  take_number();
  if (expect(".")) take_number();
  if (!expect(R"(,"seq":)")) return false;
  take_number();
  if (expect(R"(,"source":")") && !take_name(&entry.source)) return false;
  if (expect(R"(,"run":")") && !take_name(&entry.run)) return false;
  if (expect(R"(,"source_seq":)")) entry.source_seq = take_number();
  if (left.empty() || left.back() != '}') return false;

  Envelope own;
  own.type = event.json.substr(entry.type.offset, entry.type.size);
  own.source = event.json.substr(entry.source.offset, entry.source.size);
  own.data = data;
  entry.gap_size = put_gap(own, event.timestamp_us);
  entry.frame_offset = static_cast<std::uint32_t>(frames_bytes_);
  for (EventEntry::Piece* p : {&entry.type, &entry.data, &entry.source, &entry.run}) {
    p->offset += entry.frame_offset + entry.header_size;
  }
  char* const payload = write_text_frame_header(room(entry.frame_size), size);
  put(payload, event.json);
  frames_bytes_ += entry.frame_size;
  const auto put_aside = [this](const std::optional<std::string_view>& text,
                                EventEntry::Piece* p, IndexedField::Kind* kind) {
    *kind = text ? IndexedField::Kind::text : IndexedField::Kind::other;
    if (!text) return;
    p->aside = 1;
    p->offset = static_cast<std::uint32_t>(side_.size());
    p->size = static_cast<std::uint32_t>(text->size()) & 0x7FFFFFFFu;
    side_.append(*text);
  };
  put_aside(event.agent_id, &entry.agent_id, &entry.agent_kind);
  put_aside(event.item, &entry.item, &entry.item_kind);
  entries_.push_back(entry);
  return true;
}

BlockPtr BlockBuilder::seal() {
  assert(!empty());
  // The block gets memory of its exact size and the builder keeps its own, grown once: a lone event
  // must not carry the room of a thousand into the history.
  auto block = std::make_shared<Block>();
  block->first_seq_ = first_seq_;
  block->gaps_ = std::exchange(gaps_, 0);
  block->frames_ = std::string(frames_.data(), frames_bytes_);
  block->side_ = std::string(side_.data(), side_.size());
  block->entries_ = std::vector<EventEntry>(entries_.begin(), entries_.end());
  frames_bytes_ = 0;
  side_.clear();
  entries_.clear();
  return block;
}

BlockPtr BlockBuilder::merge(const std::vector<BlockPtr>& blocks) {
  auto merged = std::make_shared<Block>();
  merged->first_seq_ = blocks.front()->first_seq_;
  std::size_t frames = 0;
  std::size_t side = 0;
  std::size_t entries = 0;
  for (const BlockPtr& block : blocks) {
    frames += block->frames_.size();
    side += block->side_.size();
    merged->gaps_ += block->gaps_;
    entries += block->entries_.size();
  }
  merged->frames_.reserve(frames);
  merged->side_.reserve(side);
  merged->entries_.reserve(entries);
  for (const BlockPtr& block : blocks) {
    assert(block->first_seq_ == merged->first_seq_ + merged->entries_.size());
    const auto frames_before = static_cast<std::uint32_t>(merged->frames_.size());
    const auto side_before = static_cast<std::uint32_t>(merged->side_.size());
    merged->frames_.append(block->frames_);
    merged->side_.append(block->side_);
    for (EventEntry entry : block->entries_) {
      entry.frame_offset += frames_before;
      for (EventEntry::Piece* piece :
           {&entry.type, &entry.data, &entry.source, &entry.run, &entry.agent_id, &entry.item}) {
        piece->offset += piece->aside ? side_before : frames_before;
      }
      merged->entries_.push_back(entry);
    }
  }
  return merged;
}

}  // namespace bridge
