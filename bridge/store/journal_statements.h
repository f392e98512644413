// What the parts of JournalFile share; for them alone.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "runs/packed_events.h"
#include "store/journal_file.h"

namespace bridge {

// Blocks that are read end where seq is a multiple of this, or where they are full.
inline constexpr std::uint64_t kBlockSeqs = PackedEvents::kBlockSeqs;

// Times as the file has them, and back.
inline double seconds(std::int64_t us) { return static_cast<double>(us) / 1e6; }
inline std::int64_t microseconds(double s) { return std::llround(s * 1e6); }

JournalFailure failure_of(const std::string& path, const DatabaseError& error, int system_errno);

struct JournalFile::Statements {
  // `rows`: PackedEvents::rows_table().
  Statements(Database& db, const std::string& rows)
      : begin(db, "BEGIN IMMEDIATE"),
        commit(db, "COMMIT"),
        insert(db,
               "INSERT INTO " + rows + "(seq,timestamp,type,source,run,source_seq,agent_id,item,data_bytes,body) VALUES(?,?,?,?,?,?,?,?,?,?)"),
        insert_hole(db,
                    "INSERT OR REPLACE INTO holes(from_seq,to_seq,reason,noted) VALUES(?,?,?,?)"),
        upsert_source(db,
                      "INSERT INTO sources(source,run,last_source_seq,seq) VALUES(?,?,?,?) "
                      "ON CONFLICT(source,run) DO UPDATE SET "
                      "last_source_seq=excluded.last_source_seq,seq=excluded.seq"),
        find_source(db, "SELECT last_source_seq,seq FROM sources WHERE source=? AND run=?"),
        trim_sources(db,
                     "DELETE FROM sources WHERE seq<="
                     "(SELECT seq FROM sources ORDER BY seq LIMIT 1 OFFSET ?)"),
        select(db, "SELECT seq,timestamp,data_bytes,body FROM " + rows + " WHERE seq>=? ORDER BY seq"),
        sizes(db, "SELECT seq,data_bytes FROM " + rows + " WHERE seq<=? ORDER BY seq DESC"),
        stamp(db, "SELECT seq,timestamp FROM " + rows + " WHERE seq>=? ORDER BY seq LIMIT 1"),
        stamp_back(db, "SELECT timestamp FROM " + rows + " WHERE seq<=? ORDER BY seq DESC LIMIT 1"),
        nth(db, "SELECT seq FROM " + rows + " ORDER BY seq LIMIT 1 OFFSET ?"),
        remove(db, "DELETE FROM " + rows + " WHERE seq<?"),
        remove_holes(db, "DELETE FROM holes WHERE to_seq<?"),
        pages(db, "PRAGMA page_count"),
        free_pages(db, "PRAGMA freelist_count") {}
  Statement begin, commit, insert, insert_hole, upsert_source, find_source, trim_sources, select,
      sizes, stamp, stamp_back, nth, remove, remove_holes, pages, free_pages;
};

// Runs `f`; what SQLite refuses becomes a failure, with the transaction rolled back.
template <class F>
auto JournalFile::guarded(F&& f) -> JournalResult<decltype(f())> {
  try {
    return f();
  } catch (const DatabaseError& error) {
    JournalFailure failure =
        failure_of(options_.path, error, sqlite3_system_errno(database_->handle()));
    if (const auto* const piece = dynamic_cast<const PieceDamaged*>(&error)) {
      failure.damaged = {piece->first_seq, piece->last_seq};
    }
    if (database_->in_transaction()) {
      try {
        database_->run("ROLLBACK");
      } catch (const DatabaseError&) {
        failure.may_pass = false;
      }
    }
    return failure;
  }
}

}  // namespace bridge
