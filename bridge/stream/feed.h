// One client's stream: a cursor into the log, what passes its subscription, and its replies, in
// order.
//
// Live, resuming and slow clients are this one piece of code. A live client's cursor is at the
// head, a resuming one's is where `since` put it, a slow one's lags. What memory no longer holds
// comes from the journal, a slice at a time; what neither holds is a gap, behind which the stream
// goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "event/subscription.h"
#include "stream/cohorts.h"

namespace bridge {

// Where a subscription starts: PROTOCOL section 4's `since`.
struct Since {
  enum class Kind { position, last, seconds } kind = Kind::position;
  std::string epoch;      // position
  std::uint64_t seq = 0;  // position: everything after it
  std::uint64_t last = 0;
  double seconds = 0;
};

// What becomes of a client that falls behind so far that memory no longer holds its place. One that
// resumes from a place in the past is not meant.
enum class OnLag {
  read_back,  // from the journal; where there is none, as `gap`
  gap,        // a gap message, and on with the newest
  latest,     // the latest event of each thing, and on with the newest: no gap message
  close,      // the connection ends
};

struct StreamOptions {
  bool snapshot = false;  // the latest event of each thing first
  OnLag on_lag = OnLag::read_back;
};

// What became of a subscription request; the reply is made from it.
struct SubscribeOutcome {
  std::uint64_t seq = 0;          // the newest event when the request was taken
  std::optional<bool> recovered;  // where `since` was given
  std::string gap;                // a gap message to say right behind the reply; "" = none
  std::uint64_t snapshot_to = 0;  // give() the snapshot up to here right behind that; 0 = none
};

// Buffers of whole frames, to be written in this order.
struct Outgoing {
  std::vector<std::shared_ptr<const std::string>> buffers;
  std::size_t bytes = 0;
  std::uint64_t events = 0;
  std::uint64_t live_events = 0;   // of these, not replayed
  std::int64_t live_since_us = 0;  // wall clock: when the oldest of them was accepted
  std::size_t unread_bytes = 0;    // memory that nobody else holds
  bool more = false;     // it stopped looking so as not to hog the thread: pull again soon
  bool give_up = false;  // the client is too slow for what it asked for: end the connection
  bool empty() const { return buffers.empty(); }
};

// One thread. The cohorts, the log and the clock must outlive it.
class Feed final : private PastCache::Waiter {
 public:
  // `on_ready` is called when a feed that pull() left empty has something to give. It must not
  // destroy the feed. `deflate`: its client takes batches compressed; `event_stream`: messages as an event
  // stream has them, in place of frames.
  Feed(EventLog& log, Cohorts& cohorts, const Clock& clock, std::function<void()> on_ready,
       bool deflate = false, bool event_stream = false);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  // Whom looking for a start is charged to, from now on.
  void charge_to(std::shared_ptr<RequestBudget> account) { account_ = std::move(account); }
  const std::shared_ptr<RequestBudget>& account() const { return account_; }

  // Replaces the subscription. Without `since` the old one holds for all events up to now and the
  // new one from then on, with nothing between lost. With it the stream starts anew at that place.
  // Say the reply right after; nothing that this causes comes before it.
  // REQUIRES: since's position, where it is of this epoch, is not beyond the newest event.
  SubscribeOutcome subscribe(Subscription subscription, const std::optional<Since>& since,
                             const StreamOptions& options = {});

  // Whether the start that `since` names must be looked for in the journal, or through more of
  // memory than a request may at once.
  bool must_look_up(const Subscription& subscription, const Since& since) const;

  // The same as subscribe(), where the start must be looked up: `reply` is called once it is known,
  // and what it returns (the reply, JSON text) and the gap, if any, are said in the place of this
  // call. A later subscription ends the search. REQUIRES: must_look_up(). False where too many
  // messages wait, as say() has it.
  [[nodiscard]] bool subscribe_later(Subscription subscription, const Since& since,
                                     const StreamOptions& options,
                                     std::function<std::string(const SubscribeOutcome&)> reply);

  // Puts this one in the place of the one that was asked for last, from the newest event on; all else stays. False where too
  // many messages wait, as say() has it.
  [[nodiscard]] bool exchange(Subscription subscription);

  // The subscription that was asked for last.
  const Subscription& subscription() const { return *requested_; }

  // Queues a message (a reply, as JSON text) at the stream's present place: behind what an earlier
  // request still has to bring, before any later event. False where too many wait; it is then
  // dropped and the client is not worth keeping.
  [[nodiscard]] bool say(std::string_view json);
  // The same for what need not be copied, where it has room for a frame's header.
  [[nodiscard]] bool say_text(std::string json);

  // The same for whole frames, as they are.
  [[nodiscard]] bool say_frames(std::shared_ptr<const std::string> frames);
  // Whether what was said is on its way, so that more may be said that nobody asked for.
  bool has_room() const { return queued_bytes_ == 0; }

  // Queues the latest of each thing, as it was after `after_seq` and up to `to_seq`, behind what was said last.
  // It takes no memory: it is made a part at a time, when the client has read the one before. What changes until
  // then comes as the event that changed it.
  void give(std::uint64_t to_seq, std::uint64_t after_seq = 0);

  // Whether there is room for one more subscription among those of all clients. Counted where not. Large
  // ones leave half of it to the small.
  bool has_room_for(const Subscription& subscription) const {
    MemoryShare& all = cohorts_.subscriptions();
    const std::size_t bytes = subscription.bytes();
    return all.bytes() + bytes <= all.bytes_max() / (bytes > kSmallRequestBytes ? 2 : 1) || all.refuse();
  }

  // The next bytes to write: about `bytes_max` of them, more only where one block is larger. Empty
  // where there is nothing now; on_ready will then be called once there is.
  Outgoing pull(std::size_t bytes_max);

  // Whether its client takes batches compressed.
  bool deflate() const { return deflate_; }

  // Where its client comes back to without missing anything, if it has read all that was pulled; nothing where
  // more is to be had at once.
  std::optional<std::uint64_t> position() const;

  // Memory of what waits to be pulled and nobody else holds.
  std::size_t unread_bytes() const { return queued_bytes_; }

  // Events of the log that this feed has not come to yet.
  std::uint64_t lag() const;

  std::uint64_t gaps() const { return gaps_; }

 private:
  friend class Cohorts;

  // A message, a change of subscription or both, or a snapshot, to take effect once the cursor is at `at`.
  struct QueuedMessage {
    std::uint64_t at = 0;
    std::shared_ptr<const std::string> frame;
    std::shared_ptr<const Subscription> subscription;
    bool open = false;         // what it says is known once the start is found
    std::uint64_t events = 0;  // in the frame
    std::uint64_t snapshot_after = 0;  // a snapshot: what is still to be given of it
    std::uint64_t snapshot_to = 0;
  };

  // The search for the last `count` events that pass, from the newest back through memory.
  struct Backward {
    std::uint64_t count = 0;
    std::uint64_t before_seq = 0;  // looked at so far
    std::uint64_t found = 0;
    bool ended = false;            // they are all found, or memory is
  };
  // A start that is being looked for.
  struct LookUp {
    std::shared_ptr<RequestBudget> asker;  // ends with the search; the account is this client's
    bool snapshot = false;
    std::function<std::string(const SubscribeOutcome&)> reply;
  };

  // A message's bytes, as its client takes them.
  std::string message(std::string_view json) const;
  void wake(std::uint64_t checked_seq);
  void notify() { on_ready_(); }
  void on_past() override;
  void stop_waiting();
  void request(Subscription subscription);
  void switch_to(const std::shared_ptr<const Subscription>& subscription);
  void take_queued(Outgoing& out, std::size_t bytes_max);
  bool take_snapshot(Outgoing& out, std::size_t bytes_max, QueuedMessage& mark);
  void take_events(Outgoing& out, std::size_t bytes_max);
  std::size_t put(Outgoing& out, const Block& block, Frames frames, std::uint64_t last);
  void put(Outgoing& out, Frames frames, std::uint64_t last);
  void take_latest(Outgoing& out, std::uint64_t end);
  void put_latest(Outgoing& out, std::uint64_t end);
  void fall_behind(Outgoing& out);
  bool take_past(Outgoing& out, std::uint64_t end, std::size_t* looked_at);
  void skip_lost(Outgoing& out, const PastCache::Place& place);
  void skip_to_newest(Outgoing& out);
  void skip_to(Outgoing& out, std::uint64_t resume_at, std::string_view reason);
  void start_at(std::uint64_t cursor, bool recovered, std::uint64_t lost_from,
                SubscribeOutcome* outcome);
  void say_gap(std::uint64_t lost_from, SubscribeOutcome* outcome);
  std::int64_t cutoff_us(const Since& since) const;
  void fresh_start();
  void on_found(std::uint64_t after, bool reached);
  void answer_look_up(SubscribeOutcome outcome);
  bool journal_goes_back() const;
  bool can_give(std::uint64_t from_seq) const;
  std::uint64_t first_given(std::uint64_t from_seq) const;
  Backward backward(const Since& since) const;
  std::uint64_t step_back(Backward& search, const Subscription& subscription,
                          std::uint64_t work_max) const;

  // In front what each delivery looks at.
  EventLog& log_;
  Cohorts& cohorts_;
  const std::function<void()> on_ready_;
  Cohort* cohort_ = nullptr;  // null before the first subscription
  std::uint64_t cursor_ = 0;     // everything up to here was given or did not pass
  bool waiting_ = false;
  bool waiting_for_journal_ = false;
  const bool deflate_;
  const bool event_stream_;
  OnLag on_lag_ = OnLag::read_back;
  std::vector<QueuedMessage>
      queued_;  // few, most often none: a deque would cost each idle client 600 bytes
  std::uint64_t gaps_ = 0;
  std::uint64_t live_from_ = 0;  // up to here a `since` asked for events again
  std::uint64_t lag_latest_to_ = 0;  // beyond the cursor: the latest of each thing is under way, up to here
  std::uint64_t resuming_until_ =
      0;                       // what is missing up to here was missing when it was asked for
  std::shared_ptr<const Subscription> requested_ = std::make_shared<const Subscription>();
  std::size_t queued_bytes_ = 0;
  const Clock& clock_;
  std::unique_ptr<LookUp> look_up_;
  std::shared_ptr<RequestBudget> account_;
};

}  // namespace bridge
