// The numbered log: takes events in, stamps and numbers them, and keeps the newest.
//
// Everything that reads it is a cursor: a seq, and nothing else that could disagree with it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event/block.h"
#include "log/epochs.h"
#include "log/history.h"

namespace bridge {

// Where a log begins: anew at 1, or where a journal says that the last one ended.
struct LogStart {
  LogStart() = default;
  LogStart(std::string name) : epoch(std::move(name)) {}
  LogStart(const char* name) : epoch(name) {}

  std::string epoch;               // clients resume within it
  std::uint64_t last_seq = 0;      // events go on behind it
  std::int64_t last_stamp_us = 0;  // and not before this time
  std::vector<EpochStart> epochs;  // oldest first, this one's last; empty: this one from 1
  std::function<std::string()> name_epoch;  // names a further one; null: after this one
};

// One thread. Seal late: events gather in an open block until a reader comes to take it (seal()) or
// it is full, so a block is one event when the bridge idles and hundreds when it is busy.
class EventLog {
 public:
  EventLog(LogStart start, HistoryLimits limits, std::function<void(const Block&)> on_evict = {});

  // Numbers the event, stamps it with `wall_us` and adds it to the open block. Returns its seq. Where the
  // clock went back a little the stamp is the last one's; where it went back by a step a new epoch begins
  // with this event. REQUIRES: wall_us >= 0.
  std::uint64_t append(const Envelope& event, std::int64_t wall_us);

  // From now on append() hands events to `propose` and numbers nothing: others decide where they stand, and accept()
  // brings them back. REQUIRES: nothing was ever appended.
  void propose_to(std::function<void(const Envelope& event, std::int64_t wall_us)> propose);
  // Takes in an event whose number and stamp are known. REQUIRES: propose_to(); seq == last_seq() + 1.
  void accept(const EventLine& line, std::uint64_t seq, std::int64_t stamp_us);

  // Closes the open block, if it holds anything, and moves it to the history.
  void seal();

  // Shows each block as it is closed, before the history has it, to each that asked, in that order.
  void add_on_seal(std::function<void(const BlockPtr&)> on_seal) {
    on_seal_.push_back(std::move(on_seal));
  }
  // Shows each block that small ones were merged into.
  void set_on_merge(std::function<void(const BlockPtr&)> on_merge) {
    history_.set_on_merge(std::move(on_merge));
  }

  // A log on another thread that follows this one takes its blocks, in order, in place of events.
  // What it is given it shares; it never seals. REQUIRES: nothing was ever appended, and
  // block->first_seq() == last_seq() + 1.
  void follow(BlockPtr block);
  // The same blocks, merged.
  void follow_merge(const BlockPtr& merged) { history_.replace(merged); }

  // Numberings before this process's that nobody knew of at the start; where some were known nothing
  // happens.
  void learn_epochs(const std::vector<EpochStart>& earlier);
  // Called where epochs() has changed, before the history has an event of a new one.
  void add_on_epochs(std::function<void()> on_epochs) {
    on_epochs_.push_back(std::move(on_epochs));
  }
  // Those of the log that this one follows.
  void follow_epochs(std::vector<EpochStart> epochs) { epochs_ = std::move(epochs); }

  const std::vector<EpochStart>& epochs() const { return epochs_; }

  const std::string& epoch() const { return epochs_.back().epoch; }
  // The newest accepted event, sealed or not; where there is none yet, what the log goes on from.
  std::uint64_t last_seq() const { return last_seq_; }
  // What is sealed.
  const History& history() const { return history_; }

  // Of the history, from now on; see History::set_limits().
  void set_limits(HistoryLimits limits) {
    limits_ = limits;
    history_.set_limits(limits);
  }

  // The newest event that readers may have: all, unless hold_back() was called.
  std::uint64_t head() const { return held_back_ ? head_ : last_seq_; }
  // From now on readers get only what release() names.
  void hold_back() {
    held_back_ = true;
    head_ = last_seq_;
  }
  void release(std::uint64_t seq) { head_ = std::max(head_, std::min(seq, last_seq_)); }
  // Seals what is open where it has events that readers may have, and else leaves it to grow.
  void seal_for_readers() {
    if (head() > history_.last_seq()) seal();
  }

  // The first event of the history that came at `timestamp_us` or later; last_seq() + 1 of it where there
  // is none.
  std::uint64_t first_seq_since(std::int64_t timestamp_us) const;

  // The last event up to which a reader that has event `seq` of `epoch` agrees with this log: `seq`
  // itself for this epoch and one that goes on in it; for an earlier one at most where the next began.
  // Nothing for an epoch that is not known.
  std::optional<std::uint64_t> shared_until(std::string_view epoch, std::uint64_t seq) const;

 private:
  void begin_epoch();
  void seal_if_full();

  std::vector<EpochStart> epochs_;  // this one's last
  bool knows_earlier_ = false;  // epochs from before this process
  const std::function<std::string()> name_epoch_;
  std::vector<std::function<void()>> on_epochs_;
  std::function<void(const Envelope&, std::int64_t)> propose_;
  HistoryLimits limits_;
  std::vector<std::function<void(const BlockPtr&)>> on_seal_;
  History history_;
  BlockBuilder open_;
  std::uint64_t last_seq_;
  std::int64_t last_stamp_us_;
  std::uint64_t head_ = 0;
  bool held_back_ = false;
};

}  // namespace bridge
