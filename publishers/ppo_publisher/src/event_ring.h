// The newest events: those that wait to be sent and, behind them, those that were sent and may be
// asked for again. Bounded by number and by bytes; when full, the oldest go.
//
// Events lie newline-joined in chunks that are already messages, so that the sending side takes a
// whole message by moving a list node, and nothing is copied or allocated an event in the steady
// state.
#pragma once

#include <cstddef>
#include <cstdint>
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

// Events on their way out as one message: a look at what the ring holds. Empty, or valid until it
// is given back.
class Batch {
 public:
  bool empty() const { return chunk_ == nullptr; }
  std::size_t events() const { return empty() ? 0 : chunk_->events; }

  // The bodies, joined by '\n'. REQUIRES: not empty.
  std::string_view body() const { return chunk_->body(); }

  // The one type of all the events, or "batch". REQUIRES: not empty.
  std::string_view topic_type() const;

 private:
  friend class EventRing;

  struct Chunk {
    std::string bytes;
    std::size_t begin = 0;  // of the first event that was not let go
    std::size_t events = 0;
    std::size_t newest = 0;       // where the newest event begins
    std::uint64_t first_seq = 0;  // the number of the first event
    bool mixed = false;           // not all of one type

    std::string_view body() const { return std::string_view(bytes).substr(begin); }
    std::uint64_t end_seq() const { return first_seq + events; }
    void clear();
  };

  const Chunk* chunk_ = nullptr;
};

// Numbers events from 1, in the order in which they are pushed. One thread at a time; what a batch
// shows does not change while it is out, whoever calls what.
class EventRing {
 public:
  // REQUIRES: no limit is 0.
  explicit EventRing(RingLimits limits) : limits_(limits) {}
  EventRing(const EventRing&) = delete;
  EventRing& operator=(const EventRing&) = delete;

  // Adds the event whose body is `pieces` joined, which begins with {"type":"TYPE" and is one line.
  // Returns how many of those that waited were let go for it. May throw std::bad_alloc: then
  // nothing changed. REQUIRES: fits(its size).
  std::size_t push(std::initializer_list<std::string_view> pieces);

  bool fits(std::size_t body_bytes) const { return body_bytes < limits_.bytes_max; }
  std::size_t bytes_max() const { return limits_.bytes_max; }

  // Takes the oldest events that wait, as many as make one message. Empty when there are none.
  // REQUIRES: the batch before was given back.
  Batch take() noexcept;

  // Gives back what take() gave last, because it was sent.
  void sent(Batch&& batch) noexcept;
  // The same, because it was not. Its events are the oldest that wait again, and go first if the
  // ring filled up in the meantime; returns how many did.
  std::size_t put_back(Batch&& batch) noexcept;

  // Nothing will be sent any more: what waits can only be asked for.
  void abandon() noexcept;

  // Appends the bodies of events `from` to `to` to `out`, with commas between them, as far as the
  // ring has them: the oldest first, and of those about `bytes_max` bytes, but one event at least.
  struct Copied {
    std::size_t events = 0;
    std::uint64_t next = 0;  // the number behind the last one; `from` where there is none
  };
  Copied copy(std::uint64_t from, std::uint64_t to, std::size_t bytes_max, std::string& out) const;

  // The number of the oldest event there is, waiting or not; of the next one, where there is none.
  std::uint64_t oldest_seq() const;

  std::size_t events() const { return events_; }  // that wait
  std::size_t bytes() const { return bytes_; }    // likewise
  std::size_t kept_events() const { return kept_events_; }

 private:
  using Chunk = Batch::Chunk;

  Chunk& chunk_for(std::size_t body_bytes);
  void keep(std::list<Chunk>& chunks) noexcept;
  std::size_t let_oldest_go(std::list<Chunk>& chunks) noexcept;
  std::size_t enforce_limits() noexcept;
  void recycle(std::list<Chunk>& chunks) noexcept;

  RingLimits limits_;
  // Each list oldest first; each chunk holds at least one event between calls.
  std::list<Chunk> kept_;     // sent
  std::list<Chunk> in_hand_;  // taken: one at most
  std::list<Chunk> chunks_;   // waiting
  std::list<Chunk> spare_;    // empty ones, for their memory
  std::size_t events_ = 0;
  std::size_t bytes_ = 0;
  std::size_t kept_events_ = 0;
  std::size_t kept_bytes_ = 0;
  std::uint64_t next_seq_ = 1;
};

}  // namespace ppo
