#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "feed/message.h"
#include "feed/seen_events.h"
#include "feed/subscription.h"

namespace feed {

// Where a client stands in the bridge's log: what to ask for after a lost connection, and which
// events to drop because they were handed over before. It sees the answer to each registration and
// each event, in the order of the wire. A value of one thread.
class Cursor {
 public:
  explicit Cursor(Since start) : start_(std::move(start)) {}

  // What the next registration asks for: after the last event handed over or, before the first,
  // `start`.
  Since next_since() const;

  // The place of the last event handed over, or where a live subscription began.
  const std::optional<Position>& position() const { return position_; }

  // The numbering of the connection; empty before the first registration.
  const std::string& epoch() const { return epoch_; }

  // The bridge accepted a registration that asked for next_since(); `newest` is its newest event.
  // True where its numbering is another one than before.
  bool on_registered(const std::string& epoch, std::uint64_t newest);

  // Whether the event is to be handed over; notes it as handed over if so.
  [[nodiscard]] bool admit(const Envelope& event);

  // The same for a gap: false for one that a reconnection only repeats.
  [[nodiscard]] bool admit(const Gap& gap);

  // All that is wanted up to there was handed over.
  void complete_until(std::uint64_t seq);

  // The user asks to begin elsewhere: what was handed over may come again.
  void restart(Since start);

 private:
  void move_on(std::uint64_t seq);

  Since start_;
  std::optional<Position> position_;
  std::string epoch_;              // of the connection
  std::uint64_t handed_over_ = 0;  // newest seq of epoch_ handed over
  bool epoch_changed_ = false;     // ever: then a source's number decides too
  SeenEvents seen_;
  std::string last_gap_;  // since the last event
};

}  // namespace feed
