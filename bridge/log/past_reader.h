// The part of the log that memory no longer holds, as the journal gives it back.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "event/block.h"
#include "event/subscription.h"

namespace bridge {

// Events that are one after the other.
struct SeqRange {
  std::uint64_t from = 1;
  std::uint64_t to = 0;
};

// What a journal holds, as of a moment.
struct PastExtent {
  std::uint64_t first_seq = 1;
  std::uint64_t last_seq = 0;
  std::shared_ptr<const std::vector<SeqRange>> holes;  // in order; null: none
  bool readable = true;

  bool holds(std::uint64_t from_seq, std::uint64_t to_seq) const;
};

// What to look for from a place back: the last `count` events before `before_seq` that pass.
struct LookBack {
  std::shared_ptr<const Subscription> subscription;
  std::uint64_t count = 0;  // REQUIRES: at least 1
  std::uint64_t before_seq = 0;
  std::weak_ptr<const void> asker;  // once it has expired, any answer will do
};

// Where events of some types may be, from a number on in one way.
struct TypeSearch {
  std::vector<std::string> types;  // also beginnings with *; any of them
  std::uint64_t at = 0;
  std::uint64_t bound = 0;  // how far to look; not beyond what is held. REQUIRES: behind `at` in that way, or the same
  bool back = false;
  std::weak_ptr<const void> asker;  // as in LookBack
};

// The first numbers in that way that may be of these types; empty (from > to) beyond the bound where there is none.
struct TypeStretch {
  std::uint64_t from = 1;
  std::uint64_t to = 0;
  std::uint64_t held = 0;    // events among the numbers before it, all of them of other types
  std::uint64_t looked = 0;  // how much that cost (RequestBudget)
};

// One thread: the log's. Answers come on it too, later, never from within a call; where the journal
// is in trouble they are empty, but they come.
class PastReader {
 public:
  virtual ~PastReader() = default;

  // The oldest and the newest event that can be read, holes aside; nothing is where first > last.
  virtual std::uint64_t first_seq() const = 0;
  virtual std::uint64_t last_seq() const = 0;

  // False while it is in trouble: then nothing can be read, whatever it holds.
  virtual bool readable() const = 0;

  // Whether all of [from_seq, to_seq] can be read.
  virtual bool holds(std::uint64_t from_seq, std::uint64_t to_seq) const = 0;

  struct Slice {
    std::vector<BlockPtr> blocks;  // without a hole between them
    // What lies between the place asked for and the blocks may be held, but could not be read.
    bool unreadable = false;
  };
  // From the first event that is held at `from_seq` or after; no block where there is none.
  virtual void read(std::uint64_t from_seq, std::function<void(Slice)> done) = 0;
  // Up to the last event that is held at `to_seq` or before, and maybe further.
  virtual void read_back(std::uint64_t to_seq, std::function<void(Slice)> done) = 0;

  // The first event at `timestamp_us` or later; last_seq() + 1 where there is none.
  virtual void find_time(std::int64_t timestamp_us, std::function<void(std::uint64_t)> done) = 0;

  // Where anything may be of these types, it is all that is asked for.
  virtual void find_types(TypeSearch search, std::function<void(const TypeStretch&)> done) = 0;

  // The place before those events: the seq of an event behind which they are. `reached`: there are
  // as many.
  virtual void find_last(LookBack look_back,
                         std::function<void(std::uint64_t after, bool reached)> done) = 0;
};

}  // namespace bridge
