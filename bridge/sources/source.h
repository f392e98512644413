// A source and its starts: all that is known of them, in one place.
//
// A source is a name; each start of a process under that name is a run. Runs are kept apart in everything: two
// live processes of one name do not disturb each other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/duration_histogram.h"
#include "sources/source_clock.h"

namespace bridge {

// How a source is doing. Only one that announces itself once a second (PROTOCOL section 6) can be told
// to be stalled or gone; any other is live.
enum class SourceState { live, stalled, gone };

// What commands/ keeps with a line to a trainer.
class Lane {
 public:
  virtual ~Lane() = default;
  virtual bool idle() const = 0;  // nothing is under way on it, and nothing waits
};

struct Source;
struct Run;

// A way to a trainer: the connection that said a hello for a run or, for trainers that say none, whoever
// has the source's name at the control socket.
struct ControlLine {
  Source* source = nullptr;
  Run* run = nullptr;      // null: the line of the source's name
  std::string connection;  // as TrainerLink knows it; empty: there is none
  std::unique_ptr<Lane> lane;
};

// Events that wait for those before them: bodies by source_seq, and how many announcements had come then.
struct HeldEvent {
  std::string body;
  std::uint64_t announcements = 0;
};

// Where a run's events stand: SourceTracker's, which explains them.
struct RunOrder {
  std::uint64_t expected = 1;     // the next source_seq
  std::uint64_t passed_to = 0;    // the last that came through; what is between was given up
  std::uint64_t seen_to = 0;      // the newest that is known to exist and was looked for
  std::uint64_t heard_to = 0;     // the newest that came on the line of events itself
  std::uint64_t gone_to = 0;      // what is missing up to here cannot be had
  std::uint64_t head = 0;         // as announced last
  std::uint64_t previous_head = 0;  // as announced before that
  std::uint64_t oldest = 0;       // as announced last
  std::uint64_t denied_head = 0;  // the source announced so much, but had none of it when it was asked
  std::uint64_t claimed_to = 0;   // given up on the word of announcements alone
  std::uint64_t announcements = 0;
  std::uint64_t ask_span = kAskSpanMax;  // events to ask for at a time
  std::uint64_t covered_when_asked = 0;  // the newest that the source answered for then
  std::map<std::uint64_t, HeldEvent> held;
  std::vector<std::string> unbelieved;  // bodies that go on without their number
  std::int64_t announced_us = 0;  // when it announced something last
  std::int64_t moved_us = 0;  // when `expected` last went on
  std::int64_t head_us = 0;   // when `head` grew last
  std::int64_t troubled_us = 0;  // when `troubled` became true
  std::int64_t since_us = 0;  // when the present hole was seen, or last got smaller
  std::int64_t retry_us = 0;  // not to be asked before
  int failures = 0;
  int retractions = 0;       // announcements in a row whose head is behind what was given up
  bool troubled = true;      // not met yet, has a hole, holds events or has something to do: the quick way is closed
  bool met = false;
  bool asking = false;
  bool looking_up = false;   // how far it had come earlier is not known yet
  bool lookup_sent = false;
  bool first_sight = false;  // met in the middle, and nothing known of what was before
  bool restored = false;     // goes on from earlier, and may yet say that it can be asked
  bool superseded = false;   // a later start said a hello
  bool deaf = false;         // does not know _replay
  bool askable = false;      // its line took the last question
  bool watched = false;      // in SourceTracker::watched_
  bool queued = false;       // in SourceTracker::ready_

  static constexpr std::uint64_t kAskSpanMax = 65'536;

  // The next event has come through.
  void pass(std::int64_t now_us) {
    passed_to = expected++;
    moved_us = now_us;
  }
  // It had come so far before.
  void go_on_from(std::uint64_t last) {
    expected = last + 1;
    passed_to = last;
    restored = true;
    first_sight = false;
  }
};

// One start of a source. Events that name no run are one of their own, with an empty id.
struct Run {
  Source* source = nullptr;
  std::string id;
  SourceState state = SourceState::live;
  std::uint64_t last_source_seq = 0;  // the newest of its events; 0 = does not count
  std::int64_t heard_us = 0;          // steady clock; an event or an announcement
  std::int64_t ended_us = 0;          // steady clock: when a later start took its place; 0 = it did not
  std::int64_t spoken_for_until_us = 0;  // until then its hello counts, should its connection be away; 0 = none
  std::uint64_t announcements = 0;
  bool announces = false;         // it does, or the start before it did
  std::list<Run*>::iterator place;  // in SourceTable: by when it was heard of
  std::size_t detail_bytes = 0;   // of what follows, up to `control`

  // As it announces itself; agents also as its events name them, where it announces none.
  std::set<std::string, std::less<>> agents;
  std::string commands_json;    // a JSON list; empty before
  std::string parameters_json;  // likewise
  std::string host;
  std::string activity;  // "running", "paused", "stopped"
  std::int64_t pid = 0;
  bool lists_agents = false;  // it names some
  bool repairs_any_time = false;  // answers `_replay` beside a command

  SourceClock clock;
  ControlLine control;  // with a connection: the run said a hello over it
  std::uint64_t connected_since = 0;  // of two connections the newer has the higher one; 0: nobody knows
  RunOrder order;

  bool connected() const { return !control.connection.empty(); }
  bool ended() const { return ended_us != 0; }
};

// Counts from the start of the process, over all runs of a source.
struct SourceTally {
  std::uint64_t events = 0;
  std::uint64_t lost = 0;  // with holes in the numbers of events without a run, which nobody can repair
  std::uint64_t repaired = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t held = 0;  // now
};

struct Source {
  std::string name;
  std::vector<std::unique_ptr<Run>> runs;  // in the order in which they were met
  std::size_t live_runs = 0;  // of these, is_live(): SourceTable counts
  ControlLine by_name;
  SourceTally tally;
  DurationHistogram publish_to_receive;  // of events whose run's clock is known
  double events_per_s = 0;         // smoothed over about five seconds
  std::int64_t first_seen_us = 0;  // wall clock
  std::int64_t last_event_us = 0;  // wall clock; 0 = none yet
  std::uint64_t events_at_tick = 0;
  bool bound = false;        // the bridge has opened its line itself
  bool in_conflict = false;  // everybody was told that two processes have this name

  // The start that stands for the source: the newest of those that are connected, else of those that have not
  // ended. Null where there is none.
  Run* current() const;
};

}  // namespace bridge
