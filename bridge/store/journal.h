// The journal as the log's thread sees it: one more cursor into the log, and what reads back what
// memory no longer holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "event/source_position.h"
#include "log/event_log.h"
#include "log/past_reader.h"
#include "store/journal_thread.h"

namespace bridge {

// One thread: the log's. The clock must outlive it.
class Journal final : public PastReader {
 public:
  // `post` runs a function on the log's thread, later; from any thread.
  Journal(JournalFileOptions options, const Clock& clock,
          std::function<void(std::function<void()>)> post);
  ~Journal() override;

  // Opens the file; what it is in trouble with, problem() says. Returns where the log goes on: behind
  // what is in it, in the same epoch where that was ended cleanly, else in `new_epoch`. Where the file
  // cannot even be read, at a number that it surely has not reached: the time in microseconds since 1970.
  // Call once.
  LogStart open(std::string new_epoch);

  // The log goes on behind `seq`: what lies between that and the newest event of the file is noted in it as a hole, which
  // `reason` tells a person of. REQUIRES: between open() and start(); seq > LogStart::last_seq; problem() is "".
  Result<bool> skip_to(std::uint64_t seq, const char* reason);

  // Events of the same log that another's journal has, behind the newest event of the file; what is between is noted as a hole,
  // for `reason`. REQUIRES: as skip_to().
  Result<bool> fill(const std::vector<BlockPtr>& blocks, const char* reason);

  // How far the runs had come that were heard of last (JournalFileOptions::positions_max), oldest first.
  const std::vector<SourcePosition>& positions() const { return positions_; }

  // Dead-man's switches that were armed, name and params; none where the file could not be opened.
  const std::vector<std::pair<std::string, std::string>>& switches() const { return switches_; }
  // Alerts and what was raised, as rows of `alerts`; likewise.
  const std::vector<std::pair<std::string, std::string>>& alerts() const { return alerts_; }
  // See JournalFile::keep(). `done` is called later, on this thread. REQUIRES: start().
  void keep(std::vector<KeptRow> rows, std::function<void(bool)> done) {
    thread_.keep(std::move(rows), std::move(done));
  }

  // Writes what of the runs is only in memory, or what a person changes of one, behind all events until now. `done`
  // is called later, on this thread: whether there is such a run; nothing where the file cannot be written.
  // REQUIRES: start().
  void write_runs(std::optional<RunChange> change, std::function<void(std::optional<bool>)> done);

  // Why the file is not written, or "".
  std::string problem() const;

  // Starts the thread. `on_progress` is called when more of the log is written. The log must outlive
  // this.
  void start(EventLog& log, std::function<void()> on_progress);

  // Closes the log's open block where the journal has nothing to do; while it writes, the next one
  // gathers. Closed blocks come by themselves. Call after each batch of appends.
  void pump();

  // The newest event that is in the file.
  std::uint64_t committed_seq() const { return committed_seq_; }

  // How far a run of a source had come, by what is in the file or on its way there, for one that
  // positions() had no room for or that was forgotten since; nothing where it is not known. `done` is called
  // later, on this thread. How many ask at a time is up to the caller. REQUIRES: start().
  void find_position(std::string source, std::string run,
                     std::function<void(std::optional<std::uint64_t>)> done);

  // True while more than kUncommittedBytesMax waits to be written: where only what is written is delivered,
  // nothing more should come in.
  bool congested() const;

  // Size and age, of events and of runs, from now on. Any thread.
  void set_limits(const JournalLimits& limits) { thread_.set_limits(limits); }

  // Writes what is left, for at most `patience_us`, and ends the epoch cleanly. Idempotent.
  void stop(std::int64_t patience_us);

  JournalStatus status() const { return thread_.status(); }

  // What can be read back at the moment.
  PastExtent extent() const { return {first_seq_, last_seq(), holes_, readable_}; }

  // PastReader.
  std::uint64_t first_seq() const override { return first_seq_; }
  std::uint64_t last_seq() const override;
  bool readable() const override { return readable_; }
  bool holds(std::uint64_t from_seq, std::uint64_t to_seq) const override {
    return readable_ && extent().holds(from_seq, to_seq);
  }
  void read(std::uint64_t from_seq, std::function<void(Slice)> done) override {
    thread_.read(from_seq, false, std::move(done));
  }
  void read_back(std::uint64_t to_seq, std::function<void(Slice)> done) override {
    thread_.read(to_seq, true, std::move(done));
  }
  void find_time(std::int64_t timestamp_us, std::function<void(std::uint64_t)> done) override {
    thread_.find_time(timestamp_us, std::move(done));
  }
  void find_types(TypeSearch search, std::function<void(const TypeStretch&)> done) override {
    thread_.find_types(std::move(search), std::move(done));
  }
  void find_last(LookBack look_back, std::function<void(std::uint64_t, bool)> done) override {
    thread_.find_last(std::move(look_back), std::move(done));
  }

 private:
  struct Unwritten {
    std::uint64_t last_seq = 0;
    std::size_t bytes = 0;
  };
  void start_without(LogStart* start);
  void on_progress(const JournalProgress& progress);
  void on_sealed(const BlockPtr& block);
  void catch_up();
  bool push(BlockPtr block, std::uint64_t from_seq);

  const JournalFileOptions options_;
  const Clock& clock_;
  std::unique_ptr<JournalFile> file_;  // between open() and start()
  EpochStart epoch_;
  std::string problem_;  // of open()
  std::vector<SourcePosition> positions_;
  std::vector<std::pair<std::string, std::string>> switches_;
  std::vector<std::pair<std::string, std::string>> alerts_;
  std::shared_ptr<const std::vector<SeqRange>> holes_;  // in order; made anew where one is added
  EventLog* log_ = nullptr;
  std::function<void()> on_progress_;
  std::uint64_t cursor_ = 0;  // handed over
  std::uint64_t first_seq_ = 1;
  std::uint64_t committed_seq_ = 0;
  std::deque<Unwritten> unwritten_;  // where each commit must be safe; else it may wait for ever
  std::size_t unwritten_bytes_ = 0;
  bool readable_ = false;
  bool idle_ = false;
  bool full_ = false;  // the queue, at the last pump
  bool stopped_ = false;
  JournalThread thread_;
};

}  // namespace bridge
