// Events of the journal as one compressed text, the way that a row of `packed` holds them (PackedEvents).
//
// The text is JSON, so that a stock sqlite3 reads it with sqlar_uncompress() and json_each(): an array of an array an event,
// [stamp in microseconds, type, source, run, source_seq, agent_id, item, data_bytes, body], null where the column is NULL.
// It is compressed as sqlar_uncompress() wants it: by zlib, or left as it is where that makes it no smaller.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bridge {

// A row of `events`. A text whose data() is null is NULL.
struct PackedEvent {
  std::uint64_t seq = 0;
  std::int64_t timestamp_us = 0;
  std::string_view type, source, run, agent_id, item, body;
  std::optional<std::int64_t> source_seq;
  std::uint32_t data_bytes = 0;
};

// Gathers events that follow on each other into a text. Its memory is used again. One thread.
class PackedTextWriter {
 public:
  static constexpr std::size_t kTextBytesMax = 64 * 1024 * 1024;  // of a text; who reads takes no more memory

  // False where the event cannot be told exactly, in this text or in any: it is not UTF-8, holds a control character of
  // which SQLite's JSON would make another, or is too large. Nothing is added then.
  [[nodiscard]] bool add(const PackedEvent& event);
  bool empty() const { return events_ == 0; }
  std::size_t events() const { return events_; }

  // The text so far, compressed, and its size before; empty where memory is short. The writer is empty after.
  // REQUIRES: !empty().
  std::string pack(std::size_t* text_bytes);
  void clear();

 private:
  std::string text_;
  std::size_t events_ = 0;
};

// Reads such a text back. One thread.
class PackedTextReader {
 public:
  // `text_bytes` and `events` as it was packed; the first event is `first_seq`. False where `packed` is anything else than
  // that. What is read is valid until the next call.
  [[nodiscard]] bool read(std::string_view packed, std::uint64_t text_bytes, std::uint64_t first_seq, std::uint64_t events);
  const std::vector<PackedEvent>& events() const { return events_; }

 private:
  [[nodiscard]] bool parse(std::string_view text, std::uint64_t first_seq, std::uint64_t events);

  std::string text_;
  std::string decoded_;  // strings that had escapes; never larger than the text
  std::vector<PackedEvent> events_;
};

}  // namespace bridge
