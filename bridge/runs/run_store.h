// What people ask of the past: runs, their curves, their trades added up, and marks on the axis. Folded from
// the events, into tables of the database that the events are in, or of one in memory.
//
// Tables: `runs` (a row each for a source, run and agent; agent_id '' = the run as a whole, run '' = events that
// name none), `tallies` (trades added up), `tallies_before` (as these were at places further back), `curves` (a run's tags), `chunks` and `samples` (the points of a curve,
// kChunkPoints a row), `marks` (parameters set, pauses, errors, ends) and `runs_state` (how far they are folded).
// All follow from the events, but for what set_run() wrote and what events told that are trimmed by now.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "event/block.h"
#include "runs/database.h"
#include "runs/sample_chunk.h"
#include "runs/tally.h"

namespace bridge {

struct RunLimits {
  std::uint64_t runs_max = 100'000;          // rows
  std::uint64_t curves_per_run_max = 1'000;  // further tags of a run are left out
  std::uint64_t marks_max = 100'000;
  std::uint64_t bytes_max = 2ull << 30;  // of curves; of marks a sixteenth of it beside
  std::int64_t age_max_us = 365ll * 86'400 * 1'000'000;
  std::uint64_t window_events = 65'536;  // from one place to the next at which tallies are known without adding up
  std::size_t memory_bytes_max = 48u << 20;  // of runs and points that are in memory, beside the database
};

// What set_run changes; nothing where it is to stay. An empty text takes the field away.
struct RunChange {
  std::string run_id;
  std::optional<std::string> name, note, tags_json;
  std::optional<bool> hidden, pinned, deleted;
};

// SOURCE@RUN, SOURCE@RUN/AGENT, or SOURCE@ for events without a run. Sources and runs have neither @ nor /.
struct RunName {
  std::string source, run, agent_id;

  static std::optional<RunName> parse(std::string_view id);
  std::string id() const;
};

// One thread at a time. Every function but seq() and bytes() throws DatabaseError; after that, and where the
// transaction is rolled back, forget() must be called. The database must outlive it.
class RunStore {
 public:
  // Makes the tables where they are missing. Whatever runs in events up to `past_seq` runs no more. REQUIRES: no
  // transaction.
  RunStore(Database& database, RunLimits limits, std::uint64_t past_seq = 0);
  ~RunStore();

  // The newest event that is folded in.
  std::uint64_t seq() const { return seq_; }
  // Folds the block's events from `index` on; those up to seq() are passed over. REQUIRES: a transaction.
  void fold(const Block& block, std::size_t index);
  // No event up to `seq` will come.
  void skip_to(std::uint64_t seq);
  // Writes what changed; the curves only once in a while or where they take too much memory. Call before the
  // transaction is committed. `now_us`: any clock.
  void write(std::int64_t now_us);
  // Writes all. REQUIRES: a transaction.
  void flush();
  // Whether flush() has anything to do.
  bool dirty() const { return dirty_; }
  // Goes back to what is written.
  void forget();

  // From now on.
  void set_limits(std::uint64_t bytes_max, std::int64_t age_max_us) {
    limits_.bytes_max = bytes_max;
    limits_.age_max_us = age_max_us;
  }

  // False where there is no such run. REQUIRES: a transaction.
  bool set_run(const RunChange& change);

  // Deletes a little of what is too old or too much. True where there is more. REQUIRES: a transaction.
  bool trim(std::int64_t now_us);

  // What is in memory beside the database, about, as of the last flush().
  std::size_t memory_bytes() const { return memory_bytes_; }
  // What the curves take, about.
  std::uint64_t bytes() const { return bytes_; }

 private:
  struct Statements;
  struct Curve {
    std::uint64_t id = 0;
    std::uint64_t points = 0;  // in all
    std::uint64_t first_chunk = 0;  // of `chunks`
    std::vector<ChunkPoints> chunks;  // not written as they are; the last one is to be filled
    std::uint64_t bytes = 0;        // of this curve in the file
    std::uint64_t open_bytes = 0;   // of these, of the row that `chunks` replaces
    bool changed = false;
  };
  struct Run {
    std::uint64_t id = 0;
    std::int64_t last_us = 0;
    double steps = kNoNumber;
    bool lost = false;
    bool deleted = false;
    bool changed = false;
    bool tally_changed = false;
    bool tally_stored = false;  // it has a row
    std::uint64_t curve_count = 0;
    std::optional<std::uint64_t> window_at;  // of which `tallies_before` has it
    Tally tally;
    std::map<std::string, Curve, std::less<>> curves;
  };
  // All of one run of a source.
  struct Group {
    std::string source, run;
    std::uint64_t seq = 0;
    std::map<std::string, Run, std::less<>> runs;  // by agent
  };

  void fold_event(const Block& block, std::size_t i, bool whole);
  void fold_own(std::string_view type, std::string_view data, std::uint64_t seq, std::int64_t time_us);
  void note_since(std::uint64_t seq, std::int64_t time_us);
  Group& group_of(std::string_view source, std::string_view run);
  Run& run_of(Group& group, std::string_view agent, std::int64_t time_us);
  Curve* curve_of(Run& run, std::string_view tag);
  void add_point(Run& run, std::string_view tag, std::optional<double> step, double value,
                 std::int64_t time_us);
  void fold_samples(Run& run, std::string_view type, std::string_view data, std::int64_t time_us);
  void fold_scalar(Run& run, std::string_view data, std::int64_t time_us);
  void fold_started(Run& run, std::string_view type, std::string_view data, std::uint64_t seq,
                    std::int64_t time_us);
  void end_runs(std::string_view source, std::string_view run, std::string_view agent,
                std::string_view state, std::string_view error, std::int64_t time_us);
  void revive(Run& run);
  void lose_past();
  void mark(std::uint64_t seq, std::uint64_t run, std::string_view kind, std::int64_t time_us,
            std::string_view data);
  void count_marks();
  void trim_marks();
  void begin_window(std::uint64_t at);
  void keep_before(Run& run);
  void write_state(std::string_view name, std::uint64_t value);
  void write_last(const Run& run);
  void write_run(Run& run);
  void write_curve(Curve& curve);
  void forget_some();
  std::uint64_t number(const char* sql);

  Database& db_;
  RunLimits limits_;
  const std::uint64_t past_seq_;
  std::unique_ptr<Statements> statements_;
  std::uint64_t seq_ = 0;        // folded in
  std::uint64_t whole_seq_ = 0;  // up to here all but the curves is written
  const bool keeps_windows_;  // events can be added up again
  std::uint64_t window_at_ = 0;  // the newest place that `tallies_before` tells of
  std::uint64_t bytes_ = 0;
  std::uint64_t run_rows_ = 0;
  std::uint64_t mark_rows_ = 0;
  std::uint64_t mark_bytes_ = 0;
  std::uint64_t open_bytes_ = 0;  // of points in memory
  std::int64_t flushed_us_ = 0;
  std::size_t memory_bytes_ = 0;
  bool dirty_ = false;
  bool in_past_ = false;  // not all up to past_seq_ is folded in
  bool fresh_ = true;  // nothing was ever folded in
  std::unordered_map<std::string, Group> groups_;  // by source '\n' run
  Group* last_group_ = nullptr;
  std::vector<Run*> changed_;
  std::vector<Curve*> changed_curves_;
  std::string key_, tag_, text_;  // reused
};

}  // namespace bridge
