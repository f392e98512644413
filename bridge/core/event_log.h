// The numbered log: takes events in, stamps and numbers them, and keeps the newest.
//
// Everything that reads it is a cursor: a seq, and nothing else that could disagree with it.
#pragma once

#include <cstdint>
#include <string>

#include "core/history.h"
#include "event/block.h"

namespace bridge {

// One thread. Seal late: events gather in an open block until a reader comes to take it (seal()) or
// it is full, so a block is one event when the bridge idles and hundreds when it is busy.
class EventLog {
 public:
  // `epoch` names this numbering; clients resume only within it.
  EventLog(std::string epoch, HistoryLimits limits,
           std::function<void(const Block&)> on_evict = {});

  // Numbers the event, stamps it with `wall_us` (or the last stamp, where the clock went backwards)
  // and adds it to the open block. Returns its seq. REQUIRES: wall_us >= 0.
  std::uint64_t append(const Envelope& event, std::int64_t wall_us);

  // Closes the open block, if it holds anything, and moves it to the history.
  void seal();

  const std::string& epoch() const { return epoch_; }
  // The newest accepted event, sealed or not; 0 where there is none yet.
  std::uint64_t last_seq() const { return last_seq_; }
  // What is sealed.
  const History& history() const { return history_; }

 private:
  const std::string epoch_;
  const HistoryLimits limits_;
  History history_;
  BlockBuilder open_;
  std::uint64_t last_seq_ = 0;
  std::int64_t last_stamp_us_ = 0;
};

}  // namespace bridge
