// Who publishes: every source, its runs, and what they announced; who is live, and who is forgotten.
//
// Two words count. What a run says over its control connection (the hello) decides who is commanded; what
// is published may be anybody's, and changes nothing of a run that is connected.
//
// One rule of forgetting: beyond `runs_max` runs the one that has been silent longest goes, never one that
// was heard of within kLiveUs or is connected. Where all are live a further one is refused. One whose connection has ended
// counts as heard of then.
//
// No call looks at all sources, however many there are; at the runs of one name it does, and work() tells at how many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/counters.h"
#include "base/text.h"
#include "event/envelope.h"
#include "sources/announcement.h"
#include "sources/source.h"

namespace bridge {

inline constexpr std::int64_t kStalledAfterUs = 3'500'000;  // a source announces itself once a second
inline constexpr std::int64_t kLiveUs = 10'000'000;

// What a run takes, without what it announces.
inline constexpr std::size_t kRunBytes = sizeof(Run) + sizeof(Source) + 256;

enum class SourceChange {
  connected,
  restarted,  // a later start took the place of an earlier one
  stalled,
  recovered,
  gone,
  conflict,       // another live process has the same name
  conflict_over,  // not any more: the run is the one that is left
};

// What is told of changes, at once. It may look anything up and change nothing.
class SourceListener {
 public:
  virtual void on_source(const Run& run, SourceChange change) = 0;
  // What was under way or waited on the line will not be answered; `lane` has it, and goes after this.
  virtual void on_line_lost(ControlLine& line, Lane& lane, const std::string& why) = 0;
  // A later start has said a hello: this one, which is not connected, owes nothing any more.
  virtual void on_superseded(Run& run) = 0;
  // The run is about to be destroyed.
  virtual void on_forget(Run& run) = 0;

 protected:
  ~SourceListener() = default;
};

// One thread: the log's. Every pointer to a run is good until on_forget().
class SourceTable {
 public:
  using Sources = std::map<std::string, std::unique_ptr<Source>, std::less<>>;

  SourceTable(std::size_t runs_max, Counters& counters)
      : runs_max_(runs_max), counters_(counters) {}
  SourceTable(const SourceTable&) = delete;
  SourceTable& operator=(const SourceTable&) = delete;

  // What all runs together may announce (agents, commands, host), half of it for those that are not connected:
  // more is left out.
  void set_detail_bytes_max(std::size_t bytes_max) { detail_bytes_max_ = bytes_max; }
  std::size_t bytes() const { return runs_ * kRunBytes + detail_bytes_; }

  // Exactly one, set before anything else is called.
  void set_listener(SourceListener* listener) { listener_ = listener; }

  // The run, with which a source is known from now on; null where there is no room for one more.
  // REQUIRES: `source` is not empty.
  Run* meet(std::string_view source, std::string_view run, std::int64_t wall_us,
            std::int64_t steady_us) {
    return find_or_add(source, run, false, wall_us, steady_us);
  }
  // The same for who publishes an event.
  Run* hear(std::string_view source, std::string_view run, std::int64_t wall_us,
            std::int64_t steady_us) {
    if (last_ == nullptr || !same_name(source, last_->source->name) ||
        !same_name(run, last_->id)) {
      Run* const found = find_or_add(source, run, false, wall_us, steady_us);
      if (found == nullptr) return nullptr;
      last_ = found;
    }
    heard(*last_, steady_us);
    if (last_->state != SourceState::live) revive(*last_);
    return last_;
  }

  // Counts an event that goes into the log. REQUIRES: hear() gave `run`.
  void count(Run& run, const Envelope& event, std::int64_t wall_us);

  // What a run published of itself. True where it counts: the run is not connected, nor was it a moment ago.
  bool announce(Run& run, const Announcement& said, std::int64_t steady_us);

  // What a connection says: that it is this run of this source. Null where there is no room, or where
  // another connection has said the same before and lives. That one loses it to a higher `since`: where keys tell who may
  // say so, the newer connection is the one that is not about to end.
  Run* hello(std::string_view connection, std::string_view source, std::string_view run,
             const Announcement& said, std::int64_t wall_us, std::int64_t steady_us, std::uint64_t since = 0);
  // The connection has ended. One that was never heard of is none.
  void disconnected(std::string_view connection);

  // From now on the source is known, and its name is commanded over this connection, which the bridge has
  // opened itself. Null where there is no room.
  Source* bind(std::string_view source, std::string_view connection);

  // A run that is known from an earlier process: what it had published is no restart. Null where there
  // is no room.
  Run* restore(std::string_view source, std::string_view run);

  // Call about once a second, and again soon, with the same, while it is false: renews the rates and looks who has fallen
  // silent, some sources at a time. `elapsed_s` > 0 since the call before.
  bool tick(double elapsed_s, std::int64_t steady_us);

  const Sources& sources() const { return sources_; }
  // Those that were heard of, not only known from an earlier process; and, of these, at most so many that were heard of last,
  // by name.
  std::size_t sources_heard() const { return sources_heard_; }
  std::vector<const Source*> heard_last(std::size_t sources_max) const;
  // Of all events whose run's clock was known.
  const DurationHistogram& publish_to_receive() const { return publish_to_receive_; }
  // Grows by what calls cost: 1 for a run that is looked at, kRunWork for one that is met or forgotten.
  std::uint64_t work() const { return work_; }
  static constexpr std::uint64_t kRunWork = 512;
  Source* find(std::string_view source) const;
  Run* find(std::string_view source, std::string_view run) const;
  // The source, known from now on until release(), for who is at the control socket without a word. Null
  // where there is no room.
  Source* find_or_add(std::string_view source);
  // Forgets a source that nothing is known of and nothing is under way for.
  void release(Source& source);
  // The line of a connection: of the run that said hello over it, or of the source with its name. Null
  // where there is none.
  ControlLine* line_of(std::string_view connection) const;
  // The line on which this run is asked and commanded.
  static ControlLine& line_of(Run& run) {
    return run.connected() ? run.control : run.source->by_name;
  }

  std::size_t runs() const { return runs_; }
  std::size_t detail_bytes() const { return detail_bytes_; }
  // Some runs that were known once are not known here any more.
  bool has_forgotten() const { return has_forgotten_; }

 private:
  Run* find_or_add(std::string_view source, std::string_view run, bool connected,
                   std::int64_t wall_us, std::int64_t steady_us);
  Source& source_named(std::string_view name);
  bool make_room(bool connected, std::int64_t steady_us);
  void forget(Run& run);
  void erase(const Source& source);
  void heard(Run& run, std::int64_t steady_us) {
    run.heard_us = steady_us;
    std::list<Run*>& its = run.connected() ? connected_ : by_heard_;
    its.splice(its.end(), its, run.place);
  }
  // Changes what is_live() goes by.
  void set_live(Run& run, bool announces, std::int64_t ended_us, SourceState state);
  void end_earlier(Run& run, std::int64_t steady_us);
  void take(Run& run, const Announcement& said);
  void add_agent(Run& run, std::string_view agent);
  bool has_room_for(const Run& run, std::size_t detail_bytes) const {
    return detail_bytes_ + detail_bytes <= detail_bytes_max_ / (run.connected() ? 1 : 2);
  }
  void set_state(Run& run, SourceState state, SourceChange change);
  void revive(Run& run);
  void look_for_conflict(Source& source);
  void fail_line(ControlLine& line, const char* why);

  const std::size_t runs_max_;
  Counters& counters_;
  SourceListener* listener_ = nullptr;
  Sources sources_;
  std::unordered_map<std::string, ControlLine*> lines_;  // by connection, of hellos
  // Runs that are not connected, and those that are: who has been silent longest first.
  std::list<Run*> by_heard_;
  std::list<Run*> connected_;
  Run* last_ = nullptr;  // of the last word: events come in batches of one run
  std::size_t runs_ = 0;
  std::size_t detail_bytes_ = 0;
  std::size_t detail_bytes_max_ = 32 << 20;
  std::size_t sources_heard_ = 0;
  DurationHistogram publish_to_receive_;
  mutable std::uint64_t work_ = 0;
  std::string ticked_;  // the name up to which tick() has come; empty: it begins
  bool has_forgotten_ = false;
};

const char* source_state_name(SourceState state);

// Whether it counts as a process of that name now: neither ended nor gone, and announced.
bool is_live(const Run& run);

}  // namespace bridge
