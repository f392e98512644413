// The journal's thread: writes blocks in groups, reads slices back between two groups, trims, and goes
// on trying where the file gives trouble.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/wall_watch.h"
#include "log/past_reader.h"
#include "store/journal_file.h"
#include "store/retention.h"

namespace bridge {

// How the journal does. Counts are from the start of the process.
struct JournalStatus {
  std::string problem;              // "" = it writes
  std::uint64_t first_seq = 1;      // oldest event in the file; beyond committed_seq where none is
  std::uint64_t committed_seq = 0;  // newest event in the file
  std::uint64_t rows = 0;           // written
  std::uint64_t rows_trimmed = 0;
  std::uint64_t commits = 0;
  std::int64_t commit_us = 0;       // in all
  std::int64_t commit_us_max = 0;
  std::uint64_t holes = 0;
  std::uint64_t events_in_holes = 0;
  std::uint64_t errors = 0;         // writes and reads that failed
  std::uint64_t blocks_read = 0;
  std::uint64_t queue_bytes = 0;
  std::uint64_t runs_memory_bytes = 0;
  std::uint64_t file_bytes = 0;     // of the file that hold something
  std::uint64_t wal_bytes = 0;
  std::uint64_t wal_held = 0;       // times that a reader kept it beyond JournalFileOptions::log_bytes_max
  bool wal_is_held = false;         // now
  std::uint64_t disk_free_bytes = 0;  // room on its disk that the bridge may use
  std::uint64_t bytes_max = 0;
  std::int64_t age_max_us = 0;
  // See Retention.
  double events_per_s = 0;
  double event_bytes = 0;
  std::optional<double> holds_s;
  PackedEvents::Sums packed;         // in the file now
  std::uint64_t pieces_packed = 0;
  std::int64_t packing_us = 0;      // that those took
};

// What main has to know soon.
struct JournalProgress {
  std::uint64_t first_seq = 1;
  std::uint64_t committed_seq = 0;
  bool readable = false;
  bool idle = false;               // everything given is written: more is wanted
  std::vector<SeqRange> new_holes;
  std::vector<EpochStart> earlier_epochs;  // of a file that could be opened only now
};

// start() and stop() on one thread; the rest from any.
class JournalThread {
 public:
  struct Listener {
    // Runs a function on the log's thread, later.
    std::function<void(std::function<void()>)> post;
    std::function<void(const JournalProgress&)> on_progress;  // called there
  };

  JournalThread(JournalFileOptions options, const Clock& clock, Listener listener);
  ~JournalThread();

  // `file` is open and has begun `epoch`, or is null: then `problem` says why, and it is tried again.
  // Events go on behind `last_seq`.
  void start(std::unique_ptr<JournalFile> file, EpochStart epoch, std::uint64_t last_seq,
             std::string problem);

  // What is pushed from here on is of this epoch, which goes on in the one before.
  void begin_epoch(EpochStart epoch);

  // Writes the block's events from `index` on. False where the queue is full. What is left out
  // between two pushes becomes a hole.
  [[nodiscard]] bool push(BlockPtr block, std::size_t index);

  // See PastReader. `done` is called by the listener's post().
  // `back`: as read_back().
  void read(std::uint64_t seq, bool back, std::function<void(PastReader::Slice)> done);
  void find_time(std::int64_t timestamp_us, std::function<void(std::uint64_t)> done);
  void find_last(LookBack look_back, std::function<void(std::uint64_t, bool)> done);
  void find_types(TypeSearch search, std::function<void(const TypeStretch&)> done);
  // See Journal::find_position(). `newest`: blocks behind those that were pushed, the newest first.
  void find_position(SourcePosition run, std::vector<BlockPtr> newest,
                     std::function<void(std::optional<std::uint64_t>)> done);

  // From its next turn on.
  void set_limits(const JournalLimits& limits);

  // See JournalFile::keep(). `done` is told by the listener's post() whether it is written.
  void keep(std::vector<KeptRow> rows, std::function<void(bool)> done);

  // See Journal::write_runs().
  void write_runs(std::optional<RunChange> change, std::function<void(std::optional<bool>)> done);

  // Writes what is queued, as far as it can within `patience_us`, notes events up to `last_seq` that it
  // has not as a hole, marks the epoch as ended cleanly, and ends the thread. Idempotent.
  void stop(std::uint64_t last_seq, std::int64_t patience_us);

  JournalStatus status() const;

 private:
  // What somebody asks, done between two groups that are written.
  struct Request {
    std::function<bool()> serve;  // false where it has to come again
    std::uint64_t behind = 0;     // what must be written before, as far as that is possible
    bool at_end = false;          // it is done when the thread ends, too
  };

  void run();
  std::int64_t next_due_us(std::int64_t now_us) const;
  bool write_due(std::int64_t now_us) const;
  void take_limits();
  void take_group();
  bool begin_epochs(JournalFile& file, std::uint64_t last_seq);
  void write_group();
  void add_hole(std::uint64_t to_seq, std::vector<JournalItem>* items);
  void read_failed(const JournalFailure& failure, std::uint64_t seq);
  void write_failed(const JournalFailure& failure);
  void reopen();
  void doubt_clock(const JournalFile& file);
  bool take_over(std::unique_ptr<JournalFile> file);
  void set_problem(const std::string& problem);
  void serve_requests();
  // `behind_queue`: behind what was pushed before it.
  void add_request(std::function<bool()> serve, bool behind_queue = false, bool at_end = false);
  PastReader::Slice read_slice(std::uint64_t seq, bool back);
  std::optional<std::uint64_t> look_up_position(const SourcePosition& run, std::vector<BlockPtr> blocks);
  bool look_back(LookBack& wanted, const std::function<void(std::uint64_t, bool)>& done);
  void fold_past();
  void pack();
  bool can_wait_for(std::uint64_t seq);
  bool watch_log();
  void watch_disk();
  void foresee();
  void trim();
  void ask_for_more();
  void publish();
  void finish();

  JournalFileOptions options_;  // the thread's own, but for the path
  const Clock& clock_;
  const Listener listener_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<JournalItem> queue_;  // guarded
  std::size_t queue_bytes_ = 0;    // guarded; with what is being written
  std::uint64_t queued_seq_ = 0;   // guarded: newest ever pushed
  std::deque<Request> requests_;   // guarded
  std::vector<EpochStart> new_epochs_;  // guarded
  std::optional<JournalLimits> new_limits_;  // guarded
  JournalStatus status_;           // guarded
  bool stopping_ = false;          // guarded
  bool clean_ = false;             // guarded: stopping in order, not for want of an owner
  std::uint64_t stop_seq_ = 0;     // guarded
  std::int64_t stop_by_us_ = 0;    // guarded

  // The thread's own.
  std::unique_ptr<JournalFile> file_;
  std::vector<EpochStart> epochs_;  // of this process
  std::size_t epochs_begun_ = 1;    // of these, in the file
  WallWatch wall_;
  std::uint64_t written_seq_ = 0;  // rows and holes, in this process's numbering
  std::vector<JournalItem> group_;
  std::size_t group_bytes_ = 0;
  std::vector<SeqRange> new_holes_;
  std::vector<EpochStart> earlier_epochs_;
  JournalProgress last_progress_;
  JournalStatus counts_;
  std::string problem_;
  std::int64_t last_commit_us_ = 0;
  std::int64_t retry_at_us_ = 0;
  std::int64_t look_after_at_us_ = 0;
  std::int64_t empty_log_at_us_ = 0;
  std::int64_t log_reads_at_us_ = 0;
  std::int64_t pack_at_us_ = 0;  // INT64_MAX: never
  bool reader_waits_ = false;  // a request for more than one turn, or for what is still queued
  std::uint64_t rows_since_trim_ = 0;
  Retention retention_;
  bool asked_ = false;
  bool past_is_behind_ = false;  // runs or types lack older events

  std::thread thread_;
};

}  // namespace bridge
