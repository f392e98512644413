// What the log's thread hands to the threads that serve clients.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "event/block.h"
#include "log/past_reader.h"

namespace bridge {

// An inbox a thread, all behind one lock: what is put in for all is in all of them at once, so that no
// client can know of an event that is not on its way to every thread. The lock is taken once a block and
// thread, never for an event or a client. Any thread.
class Inboxes {
 public:
  // In the order in which they were put in; one of the three.
  struct Item {
    BlockPtr block;
    BlockPtr merged;             // in place of blocks that came before
    std::function<void()> call;  // to be run on the thread
    std::shared_ptr<const PastExtent> extent = {};  // as it was then; null: there is no journal
  };
  // What a thread finds.
  struct Post {
    std::deque<Item> items;
    std::shared_ptr<const PastExtent> extent;  // the newest; null: that of the items
    bool more = false;                         // something is left
  };

  explicit Inboxes(std::size_t count) : inboxes_(count) {}

  // Each put() is followed by a wake-up of the threads that it returns: those that were not woken since
  // they last looked.
  using Sleepers = std::vector<std::size_t>;
  [[nodiscard]] Sleepers put_block(const BlockPtr& block);
  [[nodiscard]] Sleepers put_merged(const BlockPtr& merged);
  [[nodiscard]] bool put_call(std::size_t index, std::function<void()> call);
  // The journal's extent, seen by whoever has looked at all before it. Put before what relies on it.
  void put_extent(PastExtent extent);

  // What is for this thread, up to so much of it, of which a call counts kCallBytes; but something. Where that is all its
  // next put() wakes it again; else it looks again by itself.
  Post take(std::size_t index, std::size_t bytes_max = SIZE_MAX);
  // Blocks do not wake it any more until then: it looks by itself, soon.
  void doze(std::size_t index);

  // Bytes of blocks that wait in the fullest inbox.
  std::size_t bytes() const;

  static constexpr std::size_t kCallBytes = 32 * 1024;

 private:
  struct Inbox {
    std::deque<Item> items;
    std::size_t bytes = 0;
    bool woken = false;
    bool dozing = false;
  };
  Sleepers put_all(Item item, std::size_t bytes);

  mutable std::mutex mutex_;
  std::vector<Inbox> inboxes_;                // guarded
  std::shared_ptr<const PastExtent> extent_;  // guarded
};

}  // namespace bridge
