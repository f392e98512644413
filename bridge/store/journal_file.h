// The journal on disk: one SQLite file, a row an event, which people read while the bridge writes. Old events may be packed
// (PackedEvents), many a row; they are read like the others.
//
// Tables: `events` (the log), `epochs` (the numberings), `holes` (what could not be written),
// `sources` (how far each run had come), `switches` (dead-man's switches that are armed), `alerts` (rules, what is
// raised, and how far events were looked at), and those of RunStore and TypeIndex, which follow from the events. The schema's version is in PRAGMA user_version.
//
// WAL, so that readers and the writer do not wait for each other. synchronous=NORMAL: a commit is safe
// from the end of the process at once, from a power cut after the next checkpoint; where a numbering
// begins or ends, and always where the bridge delivers only what is on disk, it is FULL. The one key is
// seq: each further index would cost every event a random write; of types there is one of blocks (TypeIndex).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "event/block.h"
#include "runs/database.h"
#include "runs/packed_events.h"
#include "runs/run_store.h"
#include "store/journal_contents.h"
#include "store/type_index.h"

namespace bridge {

// What is to be written: events of a block from `index` on or, without a block, a hole.
struct JournalItem {
  BlockPtr block;
  std::size_t index = 0;
  SeqRange hole;
  const char* reason = "";  // of the hole
};

struct JournalFailure {
  std::string message;  // names the file and what is wrong with it
  // Whether the connection may work again by itself, as when the disk has room again. Otherwise
  // the file must be opened anew.
  bool may_pass = false;
  SeqRange damaged{1, 0};  // packed events that cannot be read, where it is only those
};

// A row that outlives the bridge, of `switches` or `alerts`; without a value it is taken away.
struct KeptRow {
  const char* table = "";
  std::string name;
  std::string value;
};

template <class T>
using JournalResult = Result<T, JournalFailure>;

struct JournalFileOptions {
  std::string path;
  bool make_directory = false;    // where it is not there
  bool sync_each_commit = false;  // fsync before a commit counts
  std::uint64_t bytes_max = 10ull << 30;
  std::int64_t age_max_us = 7ll * 86'400 * 1'000'000;
  std::int64_t compress_after_us = 0;  // 0 = never; a file that has packed events keeps them
  std::uint64_t log_bytes_max = 256ull << 20;  // of SQLite's log, which a reader can keep from being emptied
  std::size_t positions_max = 4096;  // of JournalContents; the file knows more
  RunLimits runs;
};

// What may change while it runs.
struct JournalLimits {
  std::uint64_t bytes_max = 0;
  std::int64_t age_max_us = 0;
  std::uint64_t runs_bytes_max = 0;
  std::int64_t runs_age_max_us = 0;
  std::int64_t compress_after_us = 0;

  void put_into(JournalFileOptions* options) const {
    options->bytes_max = bytes_max;
    options->age_max_us = age_max_us;
    options->compress_after_us = compress_after_us;
    options->runs.bytes_max = runs_bytes_max;
    options->runs.age_max_us = runs_age_max_us;
  }
};

// One thread at a time. After a failure that may not pass, only the destructor may be called.
class JournalFile {
 public:
  // Opens or creates the file and takes its lock: a second bridge is refused.
  static JournalResult<std::unique_ptr<JournalFile>> open(const JournalFileOptions& options);
  // What a file that cannot be opened holds, found out without writing anything. Nothing where that
  // cannot be known: it is damaged, in use by another bridge, or not there together with its directory.
  static std::optional<JournalContents> look(const std::string& path,
                                             std::size_t positions_max = 4096);
  ~JournalFile();

  // As it was when it was opened.
  const JournalContents& contents() const { return contents_; }

  // Notes that `epoch` is written from here on, and goes on with it where it is the last one. Until
  // end_epoch() it counts as unclean. One that goes on ends the one before as end_epoch() does. Nothing
  // happens where the file has a later one.
  JournalResult<bool> begin_epoch(const EpochStart& epoch, std::int64_t now_us);
  // Notes that all its events are here, or named as holes.
  JournalResult<bool> end_epoch();

  // Writes the items in one transaction. On failure nothing of them is written.
  JournalResult<bool> append(const std::vector<JournalItem>& items, std::int64_t now_us);

  // Up to `blocks_max` blocks of events without a hole between, from the first event that is held at
  // `from` or after; empty where there is none. Blocks end at the same places whoever asks, so that
  // readers can share them.
  JournalResult<std::vector<BlockPtr>> read(std::uint64_t from, std::size_t blocks_max);

  // The same backward: blocks of which the last one ends at or behind the last event that is held at
  // `to` or before.
  JournalResult<std::vector<BlockPtr>> read_back(std::uint64_t to);

  // How far a run has come, as far as append() has written it; nothing for one that is not known.
  JournalResult<std::optional<std::uint64_t>> find_position(std::string_view source,
                                                            std::string_view run);

  // The place behind which everything came at `timestamp_us` or later: a row, or the hole before it. One
  // beyond the last row where nothing did.
  JournalResult<std::uint64_t> first_seq_since(std::int64_t timestamp_us);

  // See TypeIndex::find().
  JournalResult<bool> find_types(TypeSearch* search, TypeStretch* found);

  // Writes the rows in one transaction.
  JournalResult<bool> keep(const std::vector<KeptRow>& rows);

  // Folds events into the runs that were written before the runs were, or that a kill took out of them, a block of
  // them, and then looks through the types of those of an older bridge; true where there are more. Until then what is
  // appended waits for its turn in the runs. REQUIRES: past_is_behind().
  JournalResult<bool> fold_past();
  std::size_t runs_memory_bytes() const { return runs_->memory_bytes(); }
  bool runs_are_behind() const { return runs_->seq() < last_row_seq_; }
  bool past_is_behind() const { return runs_are_behind() || types_->is_behind(first_seq_); }
  // Writes what of the runs is only in memory.
  JournalResult<bool> flush_runs();
  // See RunStore::set_run(): whether there is such a run.
  JournalResult<bool> set_run(const RunChange& change);

  void set_limits(const JournalLimits& limits);

  // Deletes old events, at most `rows_max`, where there are too many bytes or they are too old at
  // `now_us`; tells how many. The newest event always stays.
  JournalResult<std::uint64_t> trim(std::uint64_t rows_max, std::int64_t now_us);

  // Packs some hundred events that are old at `now_us` (JournalFileOptions::compress_after_us), a few milliseconds of it;
  // true where there may be more. After a failure that may not pass those stay as they are.
  JournalResult<bool> pack(std::int64_t now_us);
  PackedEvents::Sums packed_sums();

  // Deletes a little of what there is too much of in the runs; true where there is more.
  JournalResult<bool> trim_runs(std::int64_t now_us);

  // Moves SQLite's log into the file and empties it. False where a reader that holds on to it is in the way.
  bool empty_log();

  // False where the path no longer names the file that is open: it was moved or deleted.
  bool in_place() const;

  std::uint64_t first_seq() const { return first_seq_; }
  std::uint64_t last_row_seq() const { return last_row_seq_; }
  std::uint64_t rows() const { return rows_; }  // events that it has
  std::uint64_t bytes();      // of the file that hold something
  std::uint64_t events_bytes() { return bytes() - std::min(bytes(), std::uint64_t{runs_->bytes()}); }  // without the runs
  std::uint64_t wal_bytes() const;

 private:
  struct Statements;
  struct Position {
    SourcePosition value;
    std::uint64_t seq = 0;  // of its last event; 0: the file does not know it
    bool changed = false;
    bool fresh = false;  // it is no row yet
  };

  JournalFile(JournalFileOptions options, Descriptor lock);
  void prepare();
  void load_contents();
  void insert_block(const Block& block, std::size_t index);
  void insert_hole(const JournalItem& item, std::int64_t now_us);
  void observe(const Block& block, const EventEntry& entry, std::uint64_t seq);
  Position& position_of(std::string_view source, std::string_view run);
  bool load_position(std::string_view source, std::string_view run, Position* position);
  void write_positions();
  void forget_positions();
  BlockPtr read_block(std::uint64_t from);
  SeqRange slice_back(std::uint64_t to);
  BlockPtr unpack_block(const PackedEvents::Piece& piece, std::uint64_t from);
  std::optional<StampedSeq> stamp_at(std::uint64_t seq, std::initializer_list<std::int64_t> compared_us);
  std::uint64_t first_kept(std::int64_t too_old_us);
  template <class F>
  auto guarded(F&& f) -> JournalResult<decltype(f())>;
  template <class F>
  JournalResult<bool> change_runs(F&& f);

  JournalFileOptions options_;
  const Descriptor lock_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Statements> statements_;
  std::unique_ptr<PackedEvents> packed_;
  std::unique_ptr<RunStore> runs_;
  std::unique_ptr<TypeIndex> types_;
  JournalContents contents_;
  std::uint64_t first_seq_ = 1;
  std::uint64_t last_row_seq_ = 0;
  std::uint64_t rows_ = 0;
  std::uint64_t pack_from_ = 1;  // what is older is packed, or cannot be
  std::uint64_t page_bytes_ = 4096;
  std::uint64_t device_ = 0;
  std::uint64_t inode_ = 0;
  // By source '\n' run, of the runs that were heard of last; the table knows the others.
  std::unordered_map<std::string, Position> positions_;
  std::uint64_t source_rows_ = 0;
  std::vector<Position*> changed_;
  Position* last_position_ = nullptr;  // of the event before: the next is most often of the same run
  std::string key_;                    // reused
  BlockBuilder builder_;
};

}  // namespace bridge
