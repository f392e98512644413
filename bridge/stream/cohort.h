// The clients that share a subscription: what passes it is built once for all of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory_ledger.h"
#include "event/block.h"
#include "event/subscription.h"
#include "stream/frames.h"
#include "stream/match_index.h"
#include "stream/snapshot.h"

namespace bridge {

class Feed;

class Cohort;

// Filtered copies for clients a little behind, over all cohorts of a thread.
inline constexpr std::size_t kKeptFramesBytesMax = 32 * 1024 * 1024;

// What all cohorts of a thread share. Of what they keep: beyond the bound the one that was used longest ago lets go.
struct SharedByCohorts {
  explicit SharedByCohorts(MemoryShare& of) : share(of), hold(of) {}
  bool too_many() const { return hold.bytes() > kKeptFramesBytesMax || !share.has_room_for(0); }
  void add(std::size_t bytes) { hold.set(hold.bytes() + bytes); }

  MemoryShare& share;  // of all threads
  MemoryHold hold;
  std::list<Cohort*> by_use;  // used longest ago first
  MatchIndex index;
  FrameBuffers buffers;
  std::vector<EventRun> runs;  // reused
};

// One thread; owned by the Cohorts, kept while a feed uses it.
class Cohort {
 public:
  // `all` must outlive it, and so must the deflater, for a subscription with deflate() only and else
  // null, and the log, whose epoch an event stream names.
  Cohort(std::shared_ptr<const Subscription> subscription, SharedByCohorts& all, Deflater* deflater,
         const EventLog* log = nullptr)
      : subscription_(std::move(subscription)),
        deflater_(deflater),
        log_(log),
        all_(all),
        indexed_(!subscription_->everything() && !subscription_->latest()),
        number_(indexed_ ? all.index.add(*subscription_) : 0),
        place_(all.by_use.insert(all.by_use.end(), this)) {}
  ~Cohort() {
    let_go();
    if (indexed_) all_.index.remove(number_);
    all_.by_use.erase(place_);
  }
  Cohort(const Cohort&) = delete;
  Cohort& operator=(const Cohort&) = delete;

  const Subscription& subscription() const { return *subscription_; }
  const std::shared_ptr<const Subscription>& shared_subscription() const { return subscription_; }

  // Where the part of the block that begins or goes on at `from_seq` ends: the whole block, unless looking
  // through that would take long. One part is looked through at a time.
  std::uint64_t part_end(const Block& block, std::uint64_t from_seq) const;
  // What looking through so many of its events costs, in RequestBudget's unit.
  std::uint64_t work(const Block& block, std::uint64_t events) const;

  // What passes of events [from_seq, to_seq] of the block. A source's loss passes where events of
  // that source may, even where the bridge's own event about it does not. Where there is more than one feed, whole
  // parts are kept for the next that asks; a block that passes whole, an event a message, is not copied at all.
  // REQUIRES: from_seq <= to_seq, both in the same part of the block.
  Frames frames(const BlockPtr& block, std::uint64_t from_seq, std::uint64_t to_seq);
  // Whether anything does. Adds what looking cost to `*work`. REQUIRES: as frames().
  bool passes_any(const BlockPtr& block, std::uint64_t from_seq, std::uint64_t to_seq, std::uint64_t* work);

  // Forgets what it keeps: nobody is behind.
  void let_go();

  // For `deliver: latest`: the newest event after `after_seq`, up to `to_seq`, of each thing that
  // passes: a part of them, as Snapshot::frames(). The answers are kept for the next feed that asks the same.
  // REQUIRES: the snapshot has been brought up to `to_seq`.
  Snapshot::Part latest(const Snapshot& snapshot, std::uint64_t after_seq, std::uint64_t to_seq,
                        std::uint64_t* work);
  // Whether a feed that has all up to `cursor` is on its way to `to_seq` with what is kept.
  bool keeps_latest(std::uint64_t cursor, std::uint64_t to_seq) const;

  // For `deliver: latest`: feeds get what there was up to here, until the next edition, which is
  // not made before `edition_due_us` (steady clock).
  std::uint64_t edition_seq = 0;
  std::uint64_t next_edition_seq = 0;  // beyond it: that of the one that is being made
  std::int64_t edition_due_us = 0;

  // Feeds of this cohort that have everything and wait for more, and how far it is known that
  // nothing more passes for them: they are all at that place, or beyond. (With `deliver: latest`
  // each knows its own place, and this stays 0.)
  std::vector<Feed*> waiting;
  std::uint64_t checked_seq = 0;

  std::size_t feeds = 0;  // that use this cohort

 private:
  struct Kept {
    std::weak_ptr<const Block> block;  // the history's, which it does not keep
    std::uint64_t from_seq;            // the part's
    Frames frames;                     // without bytes where the block's own are meant
    bool whole = false;
    std::size_t bytes() const { return frames.bytes ? frames.bytes->size() : 0; }
  };
  void count(std::size_t bytes);
  MatchIndex::Column column(const BlockPtr& block) {
    return indexed_ ? all_.index.column(block, number_) : MatchIndex::Column();
  }
  bool passes(const Block& block, std::size_t index, const MatchIndex::Column& column) const;
  std::string_view epoch() const { return log_ == nullptr ? std::string_view() : log_->epoch(); }
  Frames build(const BlockPtr& block, std::size_t from, std::size_t to);
  bool wants_gap(const Block& block, std::size_t index) const;

  const std::shared_ptr<const Subscription> subscription_;
  Deflater* const deflater_;
  const EventLog* const log_;
  std::deque<Kept> kept_;  // newest last
  std::size_t kept_bytes_ = 0;  // of kept_
  std::size_t counted_ = 0;     // in all_: those and latest_'s
  SharedByCohorts& all_;
  const bool indexed_;
  const std::size_t number_;  // in the index
  const std::list<Cohort*>::iterator place_;
  struct KeptLatest {
    std::uint64_t after_seq;
    Snapshot::Part part;
  };
  std::vector<KeptLatest> latest_;  // on the way to latest_to_
  std::size_t latest_bytes_ = 0;
  std::uint64_t latest_to_ = 0;
};

}  // namespace bridge
