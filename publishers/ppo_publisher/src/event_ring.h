// The events that wait: bounded by number and by bytes; when full, the oldest go.
//
// Events lie newline-joined in chunks that are already messages, so that the sending side takes a
// whole message by moving a list node, and nothing is copied or allocated an event in the steady
// state.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <list>
#include <string>
#include <string_view>

namespace ppo {

struct RingLimits {
  std::size_t events_max = 0;
  std::size_t bytes_max = 0;        // counted with one line break an event
  std::size_t batch_bytes_max = 0;  // of one message; an event longer than this is one by itself
};

// Events on their way out as one message. Empty, or one node of the ring's.
class Batch {
 public:
  bool empty() const { return chunks_.empty(); }
  std::size_t events() const { return empty() ? 0 : chunks_.front().events; }

  // The bodies, joined by '\n'. REQUIRES: not empty.
  std::string_view body() const { return chunks_.front().body(); }

  // The one type of all the events, or "batch". REQUIRES: not empty.
  std::string_view topic_type() const;

 private:
  friend class EventRing;

  struct Chunk {
    std::string bytes;
    std::size_t begin = 0;  // of the first event that was not let go
    std::size_t events = 0;
    std::size_t newest = 0;  // where the newest event begins
    bool mixed = false;      // not all of one type

    std::string_view body() const { return std::string_view(bytes).substr(begin); }
    void clear();
  };

  std::list<Chunk> chunks_;
};

// One thread at a time.
class EventRing {
 public:
  // REQUIRES: no limit is 0.
  explicit EventRing(RingLimits limits) : limits_(limits) {}

  // Adds the event whose body is `pieces` joined, which begins with {"type":"TYPE" and is one line.
  // Returns how many of the oldest were let go for it. May throw std::bad_alloc: then nothing
  // changed. REQUIRES: fits(its size).
  std::size_t push(std::initializer_list<std::string_view> pieces);

  bool fits(std::size_t body_bytes) const { return body_bytes < limits_.bytes_max; }

  // Takes the oldest events, as many as make one message. Empty when there are none.
  Batch take() noexcept;

  // Gives back what take() gave last. Its events are the oldest again, and go first if the ring
  // filled up in the meantime; returns how many did.
  std::size_t put_back(Batch&& batch) noexcept;

  // Keeps the memory of a message that has left. What stays in `batch` is for the caller to free.
  void recycle(Batch& batch) noexcept;

  std::size_t events() const { return events_; }
  std::size_t bytes() const { return bytes_; }

 private:
  using Chunk = Batch::Chunk;

  Chunk& chunk_for(std::size_t body_bytes);
  void let_oldest_go() noexcept;
  std::size_t enforce_limits() noexcept;

  RingLimits limits_;
  std::list<Chunk> chunks_;  // oldest first; each holds at least one event between calls
  std::list<Chunk> spare_;   // empty ones, for their memory
  std::size_t events_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace ppo
