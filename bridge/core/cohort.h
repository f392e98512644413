// The clients that share a subscription: what passes it is built once for all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/subscription.h"
#include "event/block.h"

namespace bridge {

class Feed;

// Ready-framed bytes of some events, and of the gap messages between them. Shared and never changed.
struct Frames {
  std::shared_ptr<const std::string> bytes;  // null where nothing passes
  std::uint64_t events = 0;
  std::uint64_t gaps = 0;
};

// One thread; owned by the Hub, kept while a feed uses it.
class Cohort {
 public:
  explicit Cohort(Subscription subscription) : subscription_(std::move(subscription)) {}
  Cohort(const Cohort&) = delete;
  Cohort& operator=(const Cohort&) = delete;

  const Subscription& subscription() const { return subscription_; }

  // What passes of events [from_seq, to_seq] of the block. A source's loss passes where events of that
  // source may, even where the bridge's own event about it does not. Whole blocks are kept for the
  // next feed that asks; a block that passes whole, an event a message, is not copied at all.
  // REQUIRES: from_seq <= to_seq, both in the block.
  Frames frames(const BlockPtr& block, std::uint64_t from_seq, std::uint64_t to_seq);

  // Feeds of this cohort that have everything and wait for more, and how far it is known that
  // nothing more passes for them: they are all at that place, or beyond.
  std::vector<Feed*> waiting;
  std::uint64_t checked_seq = 0;

  std::size_t feeds = 0;  // that use this cohort

 private:
  struct Kept {
    BlockPtr block;
    Frames frames;
  };
  Frames build(const Block& block, std::size_t from, std::size_t to) const;
  bool wants_gap(const Block& block, std::size_t index) const;

  const Subscription subscription_;
  std::deque<Kept> kept_;  // newest last
  std::size_t kept_bytes_ = 0;
};

}  // namespace bridge
