// Each run's events in their order, each once: holes in `source_seq` are seen, asked for on the source's
// control line, and reported where they cannot be closed (PROTOCOL section 6).
//
// An event that is next goes straight on and costs two comparisons. One that is ahead of what is
// expected waits here, within limits, while what is missing is asked for; where there is no room it is
// put off: let go of and asked for later, since a source that can give one again can give the other. What
// cannot be had is `gone`: reported as a range, and the events behind it go on.
//
// Numbers come from outside and are believed only so far. One that is beyond what the source has announced
// waits for its next words, and is unbelieved where these do not reach it either; of a source that
// announces nothing, one that is more than kUnannouncedMax ahead. An unbelieved event goes on as one
// without a number does, and moves nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/counters.h"
#include "event/envelope.h"
#include "event/source_position.h"
#include "sources/announcement.h"
#include "sources/repair_answer.h"
#include "sources/source_table.h"

namespace bridge {

// A source seen first in the middle of its numbers may be a trainer whose control line is about to open, and
// that has not yet said so. Its events wait for so long; then it is one that cannot be asked, and begins
// where it was met.
inline constexpr std::int64_t kFirstSightUs = 500'000;
// So long after the first word of any source they all may be coming back to a bridge that has started
// again, each of its lines when it gets round to it.
inline constexpr std::int64_t kComingBackUs = 1'500'000;
// An announced head may be ahead of events that are on their way.
inline constexpr std::int64_t kTailGraceUs = 300'000;
// What the source says it has let go of may be on its way yet, too: its words overtake its events, which come on
// another line. It is lost once a later event has come, or nothing has for so long.
inline constexpr std::int64_t kGoneGraceUs = 2'000'000;
// A hole that nothing has come to close for so long is given up. Longer than a trainer that does one thing
// at a time is kept from questions by the lost answer to a command.
inline constexpr std::int64_t kRepairPatienceUs = 15'000'000;
// The same where the source announces itself, but its line is not there; and for the first hole of one
// that an earlier process of the bridge knew, which may get to its line later than to its events.
inline constexpr std::int64_t kNoChannelPatienceUs = 5'000'000;
// A source that refused, or timed out, is asked again after a moment, so many times in a row.
inline constexpr std::int64_t kRepairRetryUs = 250'000;
inline constexpr int kRepairFailuresMax = 3;

// Events of one run that wait; more are put off.
inline constexpr std::size_t kHeldEventsPerRunMax = 65'536;

inline constexpr std::size_t kWatchedATick = 512;

// How far a number may be ahead that no announcement covers.
inline constexpr std::uint64_t kUnannouncedMax = 1'000'000;
// The largest source_seq that counts: what SQLite and most languages hold.
inline constexpr std::uint64_t kSourceSeqMax = INT64_MAX;
// Two announcements after an event must cover its number: the first may have been under way before it.
inline constexpr std::uint64_t kAnnouncementsToBelieve = 2;

// The way to ask a source for events that are missing.
class RepairLink {
 public:
  virtual ~RepairLink() = default;
  // Asks for events [from, to]. True: exactly one SourceTracker::on_answer() follows, later. False:
  // nobody is there to be asked.
  virtual bool ask(Run& run, std::uint64_t from, std::uint64_t to) = 0;
};

// Where positions of runs are kept that the table has forgotten.
class PositionStore {
 public:
  virtual ~PositionStore() = default;
  using Found = std::function<void(std::optional<std::uint64_t> last_source_seq)>;
  // `found` is called once, later. False where too much is asked already.
  virtual bool find(const std::string& source, const std::string& run, Found found) = 0;
};

// Pure logic: no sockets, no clock, no parsing. One thread: the log's. References must outlive it.
class SourceTracker {
 public:
  enum class Verdict {
    pass,        // it is next: hand it on
    drop,        // it was there before, waits here, or was put off
    unbelieved,  // hand it on without its number
  };

  // A thing to do now, in the order of next().
  struct Step {
    enum class Kind { event, unbelieved, lost } kind = Kind::event;
    Run* run = nullptr;
    std::string body;        // of events
    std::uint64_t from = 0;  // lost: both ends included
    std::uint64_t to = 0;
  };

  // `held_bytes_max` is for all sources together.
  SourceTracker(SourceTable& table, std::size_t held_bytes_max, Counters& counters)
      : table_(table), held_bytes_max_(held_bytes_max), counters_(counters) {}
  // From now on; what is held already stays.
  void set_held_bytes_max(std::size_t bytes) { held_bytes_max_ = bytes; }
  SourceTracker(const SourceTracker&) = delete;
  SourceTracker& operator=(const SourceTracker&) = delete;

  // Whether the number of an event without a run, which is only counted, is as near as one may be of a source that
  // announces nothing.
  static bool is_near(const Run& run, std::uint64_t source_seq) {
    return run.last_source_seq == 0 || source_seq <= run.last_source_seq + kUnannouncedMax;
  }

  // Without one nobody can be asked. Set before any event.
  void set_link(RepairLink* link) { link_ = link; }

  // Goes on from here: what comes up to these positions was there before. `store` is asked for those of
  // other runs, where some are left out (null: there are none). Call before any event.
  void restore(const std::vector<SourcePosition>& positions, PositionStore* store, bool left_out);

  // Takes an event as it came; `body` is its text. Then, if ready(), do what next() says.
  // REQUIRES: event.tracked(), and SourceTable::hear() gave `run` for it.
  Verdict observe(Run& run, const Envelope& event, std::string_view body, std::int64_t now_us) {
    RunOrder& order = run.order;
    if (event.source_seq == order.expected && !order.troubled && !answering_ && ready_.empty()) {
      order.pass(now_us);
      return Verdict::pass;
    }
    return observe_out_of_order(run, event.source_seq, body, now_us);
  }

  // What the source announced, where that counts.
  void announce(Run& run, const Announcement& said, std::int64_t now_us);

  // Between these two, observe() is given what a source sent again, which may be nothing. on_broken() in
  // its place tells of a body that cannot be read.
  struct AnswerPlace {
    std::uint64_t next = 0;  // the number that a broken body in the answer would have
    std::uint64_t max = 0;   // the newest event that it had so far
  };
  void begin_answer(AnswerPlace place) {
    answering_ = true;
    answer_ = place;
  }
  // The rest of it comes later, behind begin_answer() with this.
  AnswerPlace interrupt_answer() {
    answering_ = false;
    return answer_;
  }
  void on_broken();
  // [from, to] is what was asked for.
  void on_answer(Run& run, std::uint64_t from, std::uint64_t to, RepairOutcome outcome,
                 std::int64_t now_us);

  // A later start took the run's place: what it still owes will not come.
  void supersede(Run& run);
  // The run is about to be destroyed: lets go of all that it has here.
  void forget(Run& run);

  // Looks after holes, those of kWatchedATick runs at a time, in turns. Call every few milliseconds while busy(); do what
  // next() says after.
  void tick(std::int64_t now_us);
  bool busy() const { return !watched_.empty() || !ready_.empty(); }

  bool ready() const { return !ready_.empty(); }
  // The next thing to do; false where there is none. An event is to be handed on as if it had come now.
  bool next(Step* step, std::int64_t now_us);

  // While no more should come in nothing is asked for, nor given up for want of an answer.
  void set_paused(bool paused) { paused_ = paused; }

  // The bridge ends: of sources that cannot be asked, what waits goes on (do what next() says). What
  // others can send again is left to the next start, which asks for it.
  void stop();

  std::size_t held_events() const { return held_events_; }
  std::size_t held_bytes() const { return held_bytes_; }

 private:
  using Held = decltype(RunOrder::held);

  void meet(Run& run, std::int64_t now_us);
  void on_found(Run& run, std::optional<std::uint64_t> last);
  Verdict observe_out_of_order(Run& run, std::uint64_t seq, std::string_view body,
                               std::int64_t now_us);
  void hold(Run& run, std::uint64_t seq, std::string_view body);
  std::string take(Run& run, Held::iterator held);
  static std::uint64_t missing_to(const RunOrder& order);
  static bool only_announced(const Run& run);
  static bool may_be_coming(const RunOrder& order, std::int64_t now_us);
  static std::uint64_t covered_to(const Run& run);
  static std::uint64_t near_to(const RunOrder& order);
  static void deny(RunOrder& order);
  static void take_back(RunOrder& order);
  void disbelieve(Run& run, Held::iterator held);
  void settle(Run& run, std::uint64_t to, std::int64_t now_us);
  void pursue(Run& run, std::int64_t now_us);
  std::int64_t patience_us(const Run& run) const;
  bool give_up(Run& run, std::uint64_t to, std::uint64_t limit = 0);
  void watch(Run& run);
  void make_ready(Run& run);
  bool step_of(Run& run, Step* step, std::int64_t now_us);

  SourceTable& table_;
  std::size_t held_bytes_max_;
  RepairLink* link_ = nullptr;
  PositionStore* store_ = nullptr;
  bool store_holds_more_ = false;
  Counters& counters_;
  std::int64_t first_heard_us_ = -1;  // of any source
  std::vector<Run*> watched_;  // with a hole, or a head ahead of what came
  std::size_t next_watched_ = 0;  // the one that tick() looks at next
  std::deque<Run*> ready_;    // with something to do, in this order
  std::size_t held_events_ = 0;
  std::size_t held_bytes_ = 0;
  AnswerPlace answer_;  // the one that is being taken
  bool paused_ = false;
  bool answering_ = false;
};

}  // namespace bridge
