// Between the threads that publish and the one that sends: the ring, its counters, and the wake-up.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include <ppo_publisher/publisher.h>

#include "event_ring.h"
#include "wake_up.h"

namespace ppo {

// Which events there are: the newest number given, and the oldest that still waits (head + 1 where
// none does).
struct Numbering {
  std::uint64_t head = 0;
  std::uint64_t oldest = 1;
};

// Thread-safe. One mutex; under it only what takes well under a microsecond (copying one event into
// the ring, moving a message out). What is published == sent + dropped + queued, at any moment.
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

  // Counts an event that was refused before it came here.
  void refuse() noexcept;

  PublisherStats stats() const noexcept;

  // Refuses events from now on, because of `why`. The first reason stays.
  void fail(std::string_view why) noexcept;
  std::string error() const;

  // Refuses events from now on, and tells the sending side to finish.
  void close() noexcept;

  // Makes the sending side look around.
  void wake() noexcept { wake_up_.signal(); }

  // ---- Sending side: one thread.

  // REQUIRES: no message is taken.
  Numbering numbering() const noexcept;

  // Messages are taken, then either sent (freed here) or put back.
  Batch take() noexcept;
  void sent(Batch&& batch) noexcept;
  void put_back(Batch&& batch) noexcept;

  // Lets go of everything that still waits, as dropped.
  void abandon() noexcept;

  void set_connected(bool connected) noexcept;
  bool closing() const noexcept;
  bool empty() const noexcept;

  // True when there is nothing to do until wake_up() is signalled, which the next event (if
  // connected) or close() will do. False when an event can be sent now.
  bool may_sleep() noexcept;
  WakeUp& wake_up() { return wake_up_; }

 private:
  WakeUp wake_up_;
  const std::size_t event_bytes_max_;
  const std::string identity_;  // ,"source":"S","run":"R","source_seq":

  mutable std::mutex mutex_;  // guards all below
  EventRing ring_;
  PublisherStats stats_;  // but for `queued`, which follows from the rest
  std::string error_;
  bool closed_ = false;
  bool asleep_ = false;  // the sending side waits for wake_up_
};

}  // namespace ppo
