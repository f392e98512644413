// Events and gap messages as lines.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "feed/message.h"
#include "ppo-client/line.h"

namespace client {

// Prints events in columns: time, seq, type, who, item, details. A column grows with what it has to
// hold, up to a share of the terminal's width, and stays as wide. A value of one thread.
class EventPrinter {
 public:
  explicit EventPrinter(Style style) : style_(style) {}

  void set_width(size_t width_max) { style_.width_max = width_max; }

  // One line without its break. REQUIRES: feed::json::valid(text)
  std::string event(std::string_view text);

  // "-- gap: events 5..99 missing (slow_client) --"
  std::string gap(const feed::Gap& gap) const;

 private:
  struct Widths {
    size_t seq = 5;
    size_t type = 16;
    size_t who = 7;
    size_t item = 8;
  };

  bool narrow() const { return style_.width_max > 0 && style_.width_max < kNarrow; }

  static constexpr size_t kNarrow = 110;

  Style style_;
  Widths widths_;
};

}  // namespace client
