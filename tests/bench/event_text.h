// The events that the bench publishes, all of one size, numbered by source_seq.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

// Writes price_update events as a market feed does. Immutable.
class EventText {
 public:
  // `event_bytes` is the size of each body, padding included.
  // Throws std::invalid_argument if it is less than bytes_min().
  explicit EventText(std::size_t event_bytes, std::string run = "r1");
  // The same about several items, which must be of one length, in turn: event n is about the
  // ((n - 1) % items.size())th.
  EventText(std::size_t event_bytes, std::vector<std::string> items, std::string run = "r1");

  static std::size_t bytes_min();

  // Appends the body that a source publishes, numbered `source_seq` (from 1).
  void append_published(std::string& out, std::uint64_t source_seq) const;

  // Appends the same event as a bridge delivers it: stamped with `seq` and a timestamp. What the
  // raw subject sends, and the size that the figures of all subjects are to be held against.
  void append_delivered(std::string& out, std::uint64_t source_seq, std::uint64_t seq) const;

  // Of all of them, and the object that one has as its `data`: what a publisher library is given.
  static std::string_view type();
  void append_data(std::string& out, std::uint64_t source_seq) const;

 private:
  std::size_t padding_bytes_ = 0;  // with a source_seq of one digit
  std::vector<std::string> items_;
  std::string run_;
};

}  // namespace bench
