// Old events of a journal in a tenth of the room: rows of a table `packed`, each in the place of some hundred rows of events
// that follow on each other (a piece).
//
// In a file that has them `events` is a view over the pieces and over `event_rows`, the table that `events` was before. A
// stock sqlite3 shell reads it as ever, for it has sqlar_uncompress(); what reads it through the library alone makes that
// function of a line. The bridge reads the pieces themselves. A file without them is as it always was.
//
// A piece ends where a slice that is read would: at a multiple of 1,024, where events are missing, or at kBlockBytesMax. The
// newest event is always a row. Every change is one transaction with the rows that it replaces.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "runs/database.h"
#include "runs/packed_text.h"

namespace bridge {

// A piece that cannot be read: somebody or something changed it. Those beside it can.
class PieceDamaged : public DatabaseError {
 public:
  PieceDamaged(std::uint64_t first, std::uint64_t last)
      : DatabaseError(SQLITE_CORRUPT, "packed events " + std::to_string(first) + " to " + std::to_string(last)),
        first_seq(first), last_seq(last) {}
  const std::uint64_t first_seq, last_seq;
};

// One thread at a time. Every function throws DatabaseError. The database must outlive it.
class PackedEvents {
 public:
  static constexpr std::uint64_t kBlockSeqs = 1024;  // no piece goes over a multiple of it

  struct Piece {
    std::uint64_t first_seq = 0, last_seq = 0;      // all between are events of it
    std::int64_t oldest_us = 0, newest_us = 0;  // of their stamps
  };
  struct Sums {
    std::uint64_t pieces = 0, events = 0;
    std::uint64_t text_bytes = 0;    // of their texts
    std::uint64_t packed_bytes = 0;  // compressed
  };

  // Whether a file may hold any. Where not, all of the functions below find nothing.
  static bool may_be_in(Database& db);
  // Makes `events` a view. REQUIRES: a transaction, !may_be_in().
  static void make_room(Database& db);
  // The table that events are written to.
  static const char* rows_table(Database& db) { return may_be_in(db) ? "event_rows" : "events"; }
  // The oldest event, row or packed; 0: there is none.
  static std::uint64_t first_event(Database& db);

  explicit PackedEvents(Database& db);
  ~PackedEvents();

  // Behind the last piece there are rows only.
  std::uint64_t last_seq() const { return last_seq_; }
  // The piece that holds `seq`, or else the nearest one behind it or before it.
  std::optional<Piece> at_or_after(std::uint64_t seq);
  std::optional<Piece> at_or_before(std::uint64_t seq);
  // Its events, until the next call. Throws PieceDamaged as well.
  const std::vector<PackedEvent>& read(const Piece& piece);

  // Passes over [from, to], forward or backward: rows(low, high) where nothing is packed, event(packed event) for each
  // that is; until one of them says false. What changes the file must not come between: REQUIRES a transaction, or that
  // nobody else writes.
  template <class Rows, class Event>
  void walk(std::uint64_t from, std::uint64_t to, bool back, Rows&& rows, Event&& event);

  // Packs the rows from the first one at `from` or behind, as far as a piece goes and at most up to `to`. A row that cannot
  // be packed exactly is left as it is. Tells where to go on. REQUIRES: a transaction.
  std::uint64_t pack(std::uint64_t from, std::uint64_t to);
  // What is packed now.
  Sums sums();
  // The first piece that stays where the oldest ones go, at least one of them and else at most `events_max` events; nothing
  // where all of them may.
  std::optional<std::uint64_t> cut(std::uint64_t events_max);
  // Deletes the pieces before `keep_from`; tells how many events those were. REQUIRES: a transaction; no piece reaches over it.
  std::uint64_t trim(std::uint64_t keep_from);

 private:
  struct Statements;

  Database& db_;
  std::unique_ptr<Statements> statements_;  // null: there is no room for pieces
  std::uint64_t last_seq_ = 0;
  PackedTextReader reader_;
  PackedTextWriter writer_;
  std::uint64_t read_seq_ = 0;  // the first of the piece that reader_ holds; 0 = none
};

template <class Rows, class Event>
void PackedEvents::walk(std::uint64_t from, std::uint64_t to, bool back, Rows&& rows, Event&& event) {
  while (from <= to) {
    std::optional<Piece> piece = back ? at_or_before(to) : at_or_after(from);
    if (piece && (piece->last_seq < from || piece->first_seq > to)) piece.reset();
    const std::uint64_t low = back && piece ? piece->last_seq + 1 : from;
    const std::uint64_t high = !back && piece ? piece->first_seq - 1 : to;
    if (low <= high && !rows(low, high)) return;
    if (!piece) return;
    const std::vector<PackedEvent>& events = read(*piece);
    for (std::size_t i = 0; i < events.size(); ++i) {
      const PackedEvent& one = events[back ? events.size() - 1 - i : i];
      if (one.seq >= from && one.seq <= to && !event(one)) return;
    }
    (back ? to : from) = back ? piece->first_seq - 1 : piece->last_seq + 1;
  }
}

}  // namespace bridge
