// Each source's events in their order, each once: holes in `source_seq` are seen, asked for on the
// source's control channel, and reported where they cannot be closed (PROTOCOL section 6).
//
// An event that is next goes straight on and costs two comparisons. One that is ahead of what is
// expected waits here, within limits, while what is missing is asked for; where there is no room it
// is put off: let go of and asked for later, since a source that can replay one can replay the
// other. What cannot be had is `gone`: reported as a range, and the events behind it go on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/counters.h"
#include "base/text.h"
#include "event/envelope.h"
#include "event/source_position.h"

namespace bridge {

// A source seen first in the middle of its numbers may be a trainer whose control channel is about
// to open, and that has not yet said so. Its events wait for so long; then it is one that cannot be
// asked, and begins where it was met.
inline constexpr std::int64_t kFirstSightUs = 500'000;
// So long after the first word of any source they all may be coming back to a bridge that has
// started again, each of its channels when it gets round to it.
inline constexpr std::int64_t kComingBackUs = 1'500'000;
// An announced head may be ahead of events that are on their way.
inline constexpr std::int64_t kTailGraceUs = 300'000;
// A hole that nothing has come to close for so long is given up. Longer than a trainer that does
// one thing at a time is kept from questions by the lost answer to a command.
inline constexpr std::int64_t kRepairPatienceUs = 15'000'000;
// The same where the source announces itself, but its control channel is not there; and for the
// first hole of one that an earlier process of the bridge knew, which may get to its channel later
// than to its events.
inline constexpr std::int64_t kNoChannelPatienceUs = 5'000'000;
// A source that refused, or timed out, is asked again after a moment, so many times in a row.
inline constexpr std::int64_t kRepairRetryUs = 250'000;
inline constexpr int kRepairFailuresMax = 3;

// Starts of one source that are known at a time; the oldest is forgotten.
inline constexpr std::size_t kRunsPerSourceMax = 4;
// Events of one source that wait; more are put off.
inline constexpr std::size_t kHeldEventsPerSourceMax = 65'536;

// The way to ask a source for events that are missing.
class RepairLink {
 public:
  virtual ~RepairLink() = default;
  // Asks for events [from, to]. True: exactly one SourceTracker::on_answer() follows, later. False:
  // nobody of that name is connected.
  virtual bool ask(const std::string& source, const std::string& run, std::uint64_t from,
                   std::uint64_t to) = 0;
};

// How a question ended.
enum class RepairOutcome {
  events,   // answered; the events were given to observe() before
  failed,   // no answer in time, or refused for the moment
  unsent,   // it was never asked: a command was with it all the time
  unknown,  // the source does not know the command
  late,     // as `events`, but the question was reported as failed before
};

// What a source says of itself (`_source`).
struct SourceNumbers {
  std::uint64_t head = 0;    // its last source_seq
  std::uint64_t oldest = 0;  // the oldest that it can replay; 0 = not said
  bool stopped = false;      // nothing is on its way behind this
};

// Pure logic: no sockets, no clock, no parsing. One thread: the log's. References must outlive it.
class SourceTracker {
 public:
  enum class Verdict {
    pass,  // it is next: hand it on
    drop,  // it was there before, waits here, or was put off
  };

  // A thing to do now, in the order of next().
  struct Step {
    enum class Kind { event, lost } kind = Kind::event;
    std::string body;  // event
    std::string source;
    std::string run;
    std::uint64_t from = 0;  // lost: both ends included
    std::uint64_t to = 0;
  };

  // What is known of one source. Counts from the start of the process.
  struct Tally {
    std::uint64_t lost = 0;
    std::uint64_t repaired = 0;
    std::uint64_t duplicates = 0;
    std::uint64_t held = 0;  // now
  };

  // `held_bytes_max` is for all sources together.
  SourceTracker(std::size_t held_bytes_max, Counters& counters)
      : held_bytes_max_(held_bytes_max), counters_(counters) {}
  SourceTracker(const SourceTracker&) = delete;
  SourceTracker& operator=(const SourceTracker&) = delete;

  // Without one nobody can be asked. Set before any event.
  void set_link(RepairLink* link) { link_ = link; }

  // Goes on from here: what comes up to these positions was there before. Call before any event.
  void restore(const std::vector<SourcePosition>& positions);

  // Takes an event as it came; `body` is its text. Then, if ready(), do what next() says.
  // REQUIRES: event.tracked().
  Verdict observe(const Envelope& event, std::string_view body, std::int64_t now_us) {
    Stream& stream = last_ != nullptr && same_name(event.source, last_->source->name) &&
                             same_name(event.run, last_->run)
                         ? *last_
                         : find_or_add(event.source, event.run, now_us);
    if (event.source_seq == stream.expected && !stream.troubled && ready_.empty()) {
      ++stream.expected;
      stream.moved_us = now_us;
      return Verdict::pass;
    }
    return observe_out_of_order(stream, event.source_seq, body, now_us);
  }

  // A `_source` body begins to be taken: an earlier start of the source is settled. Before anything
  // else is made of it do what next() says.
  void meet(std::string_view source, std::string_view run, std::int64_t now_us);
  // What the source announced. REQUIRES: meet() before.
  void announce(std::string_view source, std::string_view run, const SourceNumbers& numbers,
                std::int64_t now_us);

  // Between these two, observe() is given what a source replayed, which may be nothing.
  void begin_answer() {
    answering_ = true;
    answer_max_ = 0;
  }
  // [from, to] is what was asked for.
  void on_answer(std::string_view source, std::string_view run, std::uint64_t from,
                 std::uint64_t to, RepairOutcome outcome, std::int64_t now_us);

  // Looks after holes. Call every few milliseconds while busy(); do what next() says after.
  void tick(std::int64_t now_us);
  bool busy() const { return !watched_.empty(); }

  bool ready() const { return !ready_.empty(); }
  // The next thing to do; false where there is none. An event is to be handed on as if it had come
  // now.
  bool next(Step* step, std::int64_t now_us);

  // The bridge ends: of sources that cannot be asked, what waits goes on (do what next() says).
  // What others can replay is left to the next start, which asks for it.
  void stop();

  // Null where it is not known.
  const Tally* tally(std::string_view source) const;
  std::size_t held_events() const { return held_events_; }
  std::size_t held_bytes() const { return held_bytes_; }

 private:
  struct Source;
  using Held = std::map<std::uint64_t, std::string>;  // bodies by source_seq
  // One start of a source.
  struct Stream {
    Source* source = nullptr;
    std::string run;
    std::uint64_t expected = 1;
    std::uint64_t seen_to = 0;  // the newest that is known to exist and was looked for
    std::uint64_t gone_to = 0;  // what is missing up to here cannot be had
    std::uint64_t head = 0;     // announced
    std::uint64_t oldest = 0;   // announced
    Held held;
    std::int64_t moved_us = 0;  // when `expected` last went on
    std::int64_t head_us = 0;   // when `head` was announced
    std::int64_t since_us = 0;  // when the present hole was seen, or last got smaller
    std::int64_t retry_us = 0;  // not to be asked before
    int failures = 0;
    bool troubled = false;  // has a hole, or something to do: the quick way is closed
    bool asking = false;
    bool first_sight = false;  // met in the middle, and nothing known of what was before
    bool restored = false;  // goes on from an earlier process, and may yet say that it can be asked
    bool superseded = false;  // a later start was met
    bool deaf = false;        // does not know _replay
    bool askable = false;     // its control channel took the last question
    bool watched = false;     // in watched_
    bool queued = false;      // in ready_
  };
  struct Source {
    std::string name;
    std::vector<std::unique_ptr<Stream>> runs;  // newest last
    Tally tally;
    bool announced = false;
    std::int64_t heard_us = 0;
  };

  Stream& find_or_add(std::string_view source, std::string_view run, std::int64_t now_us);
  Stream* find(std::string_view source, std::string_view run);
  Stream& add_run(Source& source, std::string_view run);
  Source& source_named(std::string_view name, std::int64_t now_us);
  void forget_one_source();
  void forget(Stream& stream);
  void supersede(Stream& stream);
  Verdict observe_out_of_order(Stream& stream, std::uint64_t seq, std::string_view body,
                               std::int64_t now_us);
  void hold(Stream& stream, std::uint64_t seq, std::string_view body);
  std::string take(Stream& stream, Held::iterator held);
  static std::uint64_t missing_to(const Stream& stream);
  void pursue(Stream& stream, std::int64_t now_us);
  std::int64_t patience_us(const Stream& stream) const;
  void give_up(Stream& stream, std::uint64_t to);
  void watch(Stream& stream);
  void make_ready(Stream& stream);
  bool step_of(Stream& stream, Step* step, std::int64_t now_us);

  const std::size_t held_bytes_max_;
  RepairLink* link_ = nullptr;
  Counters& counters_;
  std::map<std::string, Source, std::less<>> sources_;
  std::int64_t first_heard_us_ = -1;  // of any source
  Stream* last_ = nullptr;            // of the last event: they come in batches of one source
  std::vector<Stream*> watched_;      // with a hole, or a head ahead of what came
  std::vector<Stream*> ready_;        // with something to do, in this order
  std::size_t held_events_ = 0;
  std::size_t held_bytes_ = 0;
  std::uint64_t answer_max_ = 0;  // newest event of the answer being taken
  bool answering_ = false;
};

}  // namespace bridge
