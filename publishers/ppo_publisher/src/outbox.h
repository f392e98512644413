// Between the threads that publish and the one that sends: the ring, its counters, and the wake-up.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include <ppo_publisher/publisher.h>

#include "event_ring.h"
#include "wake_up.h"

namespace ppo {

// Which events there are: the newest number given, and the oldest that can still be had (head + 1
// where none can).
struct Numbering {
  std::uint64_t head = 0;
  std::uint64_t oldest = 1;
};

// Thread-safe. One mutex; under it only what takes well under a microsecond (copying one event into
// the ring, moving a message out) or, for messages that are not full and for replays, some
// microseconds. What is published == sent + dropped + queued, at any moment.
class Outbox {
 public:
  // Throws std::system_error when the system is out of file descriptors.
  Outbox(RingLimits limits, std::size_t event_bytes_max, std::string_view source,
         std::string_view run);

  // ---- Publishing side: any thread.

  // Numbers the event, wraps it, adds it to the ring. False (counted as refused) when it is too
  // large, after close() or fail(), or out of memory. REQUIRES: a valid type, and data that is a
  // JSON object without line breaks.
  bool offer(std::string_view type, std::string_view data) noexcept;

  // Counts an event of that type that was refused before it came here. Returns false.
  bool refuse(std::string_view type, std::string_view why) noexcept;
  // Why the newest of the refused was.
  std::string last_refusal() const;

  PublisherStats stats() const noexcept;

  // Refuses events from now on, because of `why`. The first reason stays.
  void fail(std::string_view why) noexcept;
  std::string error() const;

  // Refuses events from now on, and tells the sending side to finish.
  void close() noexcept;

  // Makes the sending side look around.
  void wake() noexcept { wake_up_.signal(); }

  // Any thread.
  Numbering numbering() const noexcept;

  // Waits until all that was published has been sent, at most `timeout`; whether it was.
  bool flush(std::chrono::milliseconds timeout) noexcept;

  // The bodies of events `from` to `to` that can still be had, with commas between them: the oldest
  // first, and as many as fit into `bytes_max`, but one at least. May throw std::bad_alloc.
  std::string replay(std::uint64_t from, std::uint64_t to, std::size_t bytes_max);

  // ---- Sending side: one thread.

  // Messages are taken, then either sent or put back.
  Batch take() noexcept;
  void sent(Batch&& batch) noexcept;
  void put_back(Batch&& batch) noexcept;

  // Sends no more: what still waits counts as dropped, and can only be asked for.
  void abandon() noexcept;

  void set_connected(bool connected) noexcept;
  bool closing() const noexcept;
  bool empty() const noexcept;

  // True when there is nothing to do until wake_up() is signalled, which the next event (if
  // connected) or close() will do. False when an event can be sent now.
  bool may_sleep() noexcept;
  WakeUp& wake_up() { return wake_up_; }

 private:
  // REQUIRES: mutex_ is held.
  void count_refusal(std::string_view type, std::string_view why) noexcept;
  std::string why_not(std::size_t size) const;
  void tell_flushing() noexcept {
    if (flushing_ > 0) changed_.notify_all();
  }

  WakeUp wake_up_;
  const std::size_t event_bytes_max_;
  const std::string identity_;  // ,"source":"S","run":"R","source_seq":

  mutable std::mutex mutex_;  // guards all below
  EventRing ring_;
  PublisherStats stats_;  // but for `queued`, which follows from the rest
  std::string error_;
  std::string last_refusal_;
  bool closed_ = false;
  std::condition_variable changed_;  // for those in flush()
  std::size_t flushing_ = 0;
  bool asleep_ = false;  // the sending side waits for wake_up_
};

}  // namespace ppo
