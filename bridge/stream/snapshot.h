// The latest event of each thing: per type, source, agent and item.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "event/subscription.h"
#include "log/event_log.h"
#include "stream/frames.h"

namespace bridge {

// A cursor of its own over the log: it folds blocks in when it is asked and just before the history
// lets them go, so that an event costs nothing here on its way to the clients. Bounded by entries
// and by bytes, beyond which there is no more than what one block brings: the thing that changed longest ago makes
// room. One thread.
class Snapshot {
 public:
  struct Entry {
    std::string key;
    std::string json;  // as it went to clients
    std::int64_t timestamp_us = 0;
    std::uint32_t data_bytes = 0;
  };

  Snapshot(std::size_t entries_max, std::size_t bytes_max)
      : entries_max_(entries_max), bytes_max_(bytes_max) {}

  // Takes in the events of a block up to `to_seq`, which is one of them; those it has seen already are passed over.
  void fold(const Block& block, std::uint64_t to_seq);
  void fold(const Block& block) { fold(block, block.last_seq()); }

  // Takes in what of the log is new and readers may have, up to `to_seq`, until that has cost about `work_max`;
  // what it cost is added to `*work`. False where there is more. Seals the log. Who goes on with a newer
  // `to_seq` each time never ends where events come faster.
  bool catch_up(EventLog& log, std::uint64_t to_seq, std::uint64_t work_max, std::uint64_t* work);
  // The entries are as they were after this event.

  // A part of what passes: of the entries up to `to_seq`.
  struct Part {
    Frames frames;
    std::uint64_t to_seq = 0;
  };
  // What passes of the entries after `after_seq` and up to `to_seq`, in order of seq, until that has cost
  // about `work_max`; compressed by the deflater, if there is one. `epoch` as for FramesBuilder.
  Part frames(const Subscription& subscription, std::uint64_t after_seq, std::uint64_t to_seq,
              std::uint64_t work_max, std::uint64_t* work, Deflater* deflater = nullptr,
              std::string_view epoch = {}) const;

  // The entries as they were after one event, read a part at a time. What changes meanwhile is kept for it as it was.
  class Reader {
   public:
    Reader(const Snapshot& snapshot, std::size_t bytes_max);

    std::uint64_t seq() const { return to_seq_; }
    // Of the text that is still to be read, with a comma each, and of what is kept of it.
    std::size_t left_bytes() const { return std::min(left_bytes_, bytes_max_); }
    std::size_t kept_bytes() const { return kept_bytes_; }
    // False where not all of it is, or was, there.
    bool complete() const { return complete_; }

    // Calls `each` with more of them, without their keys, in order of seq, and adds what it cost to `*work`, until that is
    // `enough`. True at the end. The snapshot must be there still.
    bool read(std::uint64_t enough, std::uint64_t* work, const std::function<void(const Entry&)>& each);

   private:
    friend class Snapshot;
    void keep(std::uint64_t seq, const Entry& entry);

    const Snapshot& snapshot_;
    const std::size_t bytes_max_;
    const std::uint64_t to_seq_;
    std::uint64_t after_ = 0;    // read up to here
    std::uint64_t left_out_ = 0;  // up to here nothing has room
    std::size_t left_bytes_;
    std::map<std::uint64_t, Entry> kept_;
    std::size_t kept_bytes_ = 0;
    bool complete_;
  };
  // Of the newest entries as they are now, as many as have `bytes_max` together. At most kReplyBytesMax of them is kept.
  std::shared_ptr<Reader> reader(std::size_t bytes_max);

  // By seq: the one that changed longest ago first.
  const std::map<std::uint64_t, Entry>& entries() const { return entries_; }
  std::size_t bytes() const { return bytes_; }
  std::uint64_t evicted() const { return evicted_; }

 private:
  std::size_t cost(const Entry& e) const {
    return sizeof(Entry) + 2 * e.key.size() + e.json.size();
  }
  void make_key(const Block& block, const EventEntry& e);
  static void describe(const Block& block, std::size_t index, Entry& entry);
  void add(const Entry& entry);
  void take_away(std::uint64_t seq, const Entry& entry);

  const std::size_t entries_max_;
  const std::size_t bytes_max_;
  std::map<std::uint64_t, Entry> entries_;
  std::unordered_map<std::string, std::uint64_t> by_key_;
  std::string key_;  // reused
  std::size_t bytes_ = 0;
  std::size_t text_bytes_ = 0;  // of the entries' text, with a comma each
  std::vector<std::weak_ptr<Reader>> readers_;
  std::uint64_t folded_seq_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace bridge
