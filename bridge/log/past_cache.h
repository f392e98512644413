// What the journal has read for cursors that are behind memory: read once for all that want it,
// kept for a moment, and ahead of who reads on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "base/limits.h"
#include "log/past_reader.h"

namespace bridge {

// Bounded by bytes and by requests at a time, however many cursors are behind. One thread: the
// log's. The reader must outlive it.
class PastCache {
 public:
  // Somebody who waits for a place to be read.
  class Waiter {
   public:
    // The place that it asked for can be looked at again. It may ask anew from within.
    virtual void on_past() = 0;

   protected:
    ~Waiter() = default;
  };

  // `reader` may be null: there is no journal.
  explicit PastCache(PastReader* reader, std::size_t bytes_max = kPastCacheBytesMax)
      : reader_(reader), bytes_max_(bytes_max) {}
  PastCache(const PastCache&) = delete;
  PastCache& operator=(const PastCache&) = delete;

  PastReader* reader() const { return reader_; }

  struct Place {
    BlockPtr block;               // that holds the event, or
    bool pending = false;         // the waiter is called once there is more to say, or
    std::uint64_t next_held = 0;  // the event is not held; this is the next that may be
    bool unreadable = false;      // it may be held, but could not be read
  };
  // What there is at `seq`. Beyond `last_wanted` nothing is read ahead.
  Place look(std::uint64_t seq, std::uint64_t last_wanted, Waiter* waiter);
  // The same for who goes backward: next_held is below `seq`, 0 where there is none; before
  // `first_wanted` nothing is read ahead.
  Place look_back(std::uint64_t seq, std::uint64_t first_wanted, Waiter* waiter);

  // It waits no more. Call before it goes.
  void forget(Waiter* waiter);

  std::size_t bytes() const { return bytes_; }

  // How many blocks look() has given, the same one again for each who looks.
  std::uint64_t given() const { return given_; }

 private:
  struct Request {
    std::uint64_t at = 0;
    bool back = false;
    std::vector<Waiter*> waiters;
    bool sent = false;
  };

  // Events that are not held, as an answer has it.
  struct Missing {
    SeqRange range;
    bool unreadable = false;
  };

  BlockPtr find(std::uint64_t seq) const;
  bool take_missing(std::uint64_t seq, bool back, Waiter* waiter, Place* place);
  Place wait(std::uint64_t seq, bool back, Waiter* waiter);
  void read_ahead(BlockPtr block, std::uint64_t last_wanted);
  Request& request(std::uint64_t at, bool back);
  void send_requests();
  void on_slice(std::uint64_t at, bool back, const PastReader::Slice& slice);
  void keep(BlockPtr block);

  PastReader* const reader_;
  const std::size_t bytes_max_;
  std::map<std::uint64_t, BlockPtr> blocks_;  // by first seq
  std::deque<std::uint64_t> order_;           // first seqs, oldest read first
  std::size_t bytes_ = 0;
  std::uint64_t given_ = 0;
  std::deque<Request> requests_;
  std::size_t in_flight_ = 0;
  std::vector<Waiter*> calling_;  // being told right now; one that goes meanwhile is nulled
  // For who asked, until it looks again: it need not hold for later questions.
  std::map<Waiter*, Missing> missing_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace bridge
