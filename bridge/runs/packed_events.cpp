#include "runs/packed_events.h"

#include <algorithm>
#include <cmath>

#include "base/limits.h"

namespace bridge {
namespace {

constexpr const char* kPackedTables = R"(
CREATE TABLE packed(            -- old events: each row in the place of those from first_seq to last_seq
  first_seq INTEGER PRIMARY KEY,
  last_seq INTEGER NOT NULL,
  oldest REAL NOT NULL,         -- of their timestamps
  newest REAL NOT NULL,
  bytes INTEGER NOT NULL,       -- of the JSON that is in data: an array of an array an event, in the order of the columns
  data BLOB NOT NULL            -- by zlib; the JSON itself where its length is bytes
);
CREATE TABLE packed_sums(pieces INTEGER NOT NULL, events INTEGER NOT NULL, bytes INTEGER NOT NULL, packed_bytes INTEGER NOT NULL);
INSERT INTO packed_sums VALUES(0,0,0,0);
ALTER TABLE events RENAME TO event_rows;
CREATE VIEW events AS
SELECT first_seq+e.key AS seq,
  json_extract(e.value,'$[0]')/1e6 AS timestamp,
  json_extract(e.value,'$[1]') AS type,
  json_extract(e.value,'$[2]') AS source,
  json_extract(e.value,'$[3]') AS run,
  json_extract(e.value,'$[4]') AS source_seq,
  json_extract(e.value,'$[5]') AS agent_id,
  json_extract(e.value,'$[6]') AS item,
  json_extract(e.value,'$[7]') AS data_bytes,
  json_extract(e.value,'$[8]') AS body
FROM packed,json_each(CAST(sqlar_uncompress(data,bytes) AS TEXT)) AS e
UNION ALL
SELECT seq,timestamp,type,source,run,source_seq,agent_id,item,data_bytes,body FROM event_rows;
)";

std::int64_t stamp_us(double seconds) { return std::llround(seconds * 1e6); }

// NULL, or what bridges write; nothing for anything else.
std::optional<std::string_view> text_of(const Statement& row, int column) {
  if (row.is_null(column)) return std::string_view();
  if (row.type(column) != SQLITE_TEXT) return std::nullopt;
  const std::string_view text = row.text(column);
  return text.data() == nullptr ? std::string_view("", 0) : text;
}

}  // namespace

struct PackedEvents::Statements {
  explicit Statements(Database& db)
      : after(db, "SELECT first_seq,last_seq,oldest,newest FROM packed WHERE first_seq>? ORDER BY first_seq LIMIT 1"),
        before(db, "SELECT first_seq,last_seq,oldest,newest FROM packed WHERE first_seq<=? ORDER BY first_seq DESC LIMIT 1"),
        read(db, "SELECT last_seq,bytes,data FROM packed WHERE first_seq=?"),
        rows(db,
             "SELECT seq,timestamp,type,source,run,source_seq,agent_id,item,data_bytes,body FROM event_rows WHERE seq "
             "BETWEEN ? AND ? ORDER BY seq"),
        insert(db, "INSERT INTO packed VALUES(?,?,?,?,?,?)"),
        remove_rows(db, "DELETE FROM event_rows WHERE seq BETWEEN ? AND ?"),
        add(db, "UPDATE packed_sums SET pieces=pieces+1,events=events+?,bytes=bytes+?,packed_bytes=packed_bytes+?"),
        lengths(db, "SELECT first_seq,last_seq,bytes,length(data) FROM packed WHERE first_seq<? ORDER BY first_seq"),
        remove(db, "DELETE FROM packed WHERE first_seq<?"),
        subtract(db, "UPDATE packed_sums SET pieces=pieces-?,events=events-?,bytes=bytes-?,packed_bytes=packed_bytes-?"),
        sums(db, "SELECT pieces,events,bytes,packed_bytes FROM packed_sums") {}
  Statement after, before, read, rows, insert, remove_rows, add, lengths, remove, subtract, sums;

  static std::optional<Piece> piece(Statement& found, std::uint64_t seq) {
    found.bind(1, seq);
    std::optional<Piece> piece;
    if (found.step()) piece = {found.number(0), found.number(1), stamp_us(found.real(2)), stamp_us(found.real(3))};
    found.reset();
    // What somebody wrote into the table must not have us go round in circles.
    if (piece && (piece->last_seq < piece->first_seq || piece->last_seq - piece->first_seq >= kBlockSeqs)) {
      throw DatabaseError(SQLITE_CORRUPT, "the table packed at " + std::to_string(piece->first_seq));
    }
    return piece;
  }
};

bool PackedEvents::may_be_in(Database& db) {
  return db.number("SELECT count(*) FROM sqlite_master WHERE name='packed' AND type='table'").value_or(0) != 0;
}

void PackedEvents::make_room(Database& db) { db.run(kPackedTables); }

std::uint64_t PackedEvents::first_event(Database& db) {
  const auto first = db.number(may_be_in(db) ? "SELECT min(seq) FROM (SELECT min(seq) AS seq FROM event_rows UNION ALL "
                                               "SELECT min(first_seq) FROM packed)"
                                             : "SELECT min(seq) FROM events");
  return static_cast<std::uint64_t>(first.value_or(0));
}

PackedEvents::PackedEvents(Database& db) : db_(db) {
  if (!may_be_in(db)) return;
  statements_ = std::make_unique<Statements>(db);
  last_seq_ = static_cast<std::uint64_t>(db.number("SELECT last_seq FROM packed ORDER BY first_seq DESC LIMIT 1").value_or(0));
}

PackedEvents::~PackedEvents() = default;

std::optional<PackedEvents::Piece> PackedEvents::at_or_before(std::uint64_t seq) {
  return statements_ ? Statements::piece(statements_->before, seq) : std::nullopt;
}

std::optional<PackedEvents::Piece> PackedEvents::at_or_after(std::uint64_t seq) {
  if (!statements_ || seq > last_seq_) return std::nullopt;
  const auto here = at_or_before(seq);
  return here && here->last_seq >= seq ? here : Statements::piece(statements_->after, seq);
}

const std::vector<PackedEvent>& PackedEvents::read(const Piece& piece) {
  if (read_seq_ == piece.first_seq) return reader_.events();
  read_seq_ = 0;
  Statement& row = statements_->read;
  row.bind(1, piece.first_seq);
  const bool whole = row.step() && row.number(0) == piece.last_seq &&
                     reader_.read(row.blob(2), row.number(1), piece.first_seq, piece.last_seq - piece.first_seq + 1);
  row.reset();
  if (!whole) throw PieceDamaged(piece.first_seq, piece.last_seq);
  read_seq_ = piece.first_seq;
  return reader_.events();
}

std::uint64_t PackedEvents::pack(std::uint64_t from, std::uint64_t to) {
  Statement& row = statements_->rows;
  row.bind_all(from, to);
  Piece piece;
  std::size_t bytes = 0;
  writer_.clear();
  while (row.step()) {
    const std::uint64_t seq = row.number(0);
    if (!writer_.empty() && seq != piece.last_seq + 1) break;
    PackedEvent event;
    event.timestamp_us = stamp_us(row.real(1));
    const auto type = text_of(row, 2), source = text_of(row, 3), run = text_of(row, 4), agent_id = text_of(row, 6),
               item = text_of(row, 7), body = text_of(row, 9);
    bool exact = row.type(1) == SQLITE_FLOAT && static_cast<double>(event.timestamp_us) / 1e6 == row.real(1) && type &&
                 source && run && agent_id && item && body && row.type(8) == SQLITE_INTEGER && row.number(8) <= UINT32_MAX &&
                 (row.is_null(5) || row.type(5) == SQLITE_INTEGER);
    if (exact) {
      event.type = *type;
      event.source = *source;
      event.run = *run;
      event.agent_id = *agent_id;
      event.item = *item;
      event.body = *body;
      event.data_bytes = static_cast<std::uint32_t>(row.number(8));
      if (!row.is_null(5)) event.source_seq = static_cast<std::int64_t>(row.number(5));
      exact = writer_.add(event);
    }
    if (!exact) {
      if (!writer_.empty()) break;
      row.reset();
      return seq + 1;
    }
    if (writer_.events() == 1) piece = {seq, seq, event.timestamp_us, event.timestamp_us};
    piece.last_seq = seq;
    piece.oldest_us = std::min(piece.oldest_us, event.timestamp_us);
    piece.newest_us = std::max(piece.newest_us, event.timestamp_us);
    bytes += event.body.size();
    if (seq % kBlockSeqs == 0 || bytes >= kBlockBytesMax) break;
  }
  row.reset();
  if (writer_.empty()) return to + 1;
  const std::uint64_t events = writer_.events();
  std::size_t text_bytes = 0;
  const std::string data = writer_.pack(&text_bytes);
  // Rows are gone for good, so what takes their place is read once.
  read_seq_ = 0;
  if (data.empty() || !reader_.read(data, text_bytes, piece.first_seq, events)) return piece.last_seq + 1;
  statements_->insert.run(piece.first_seq, piece.last_seq, static_cast<double>(piece.oldest_us) / 1e6,
                          static_cast<double>(piece.newest_us) / 1e6, text_bytes, Blob{data});
  statements_->remove_rows.run(piece.first_seq, piece.last_seq);
  if (static_cast<std::uint64_t>(sqlite3_changes64(db_.handle())) != events) {
    throw DatabaseError(SQLITE_BUSY, "its rows changed meanwhile");
  }
  statements_->add.run(events, text_bytes, data.size());
  last_seq_ = std::max(last_seq_, piece.last_seq);
  return piece.last_seq + 1;
}

PackedEvents::Sums PackedEvents::sums() {
  Sums sums;
  if (!statements_) return sums;
  Statement& row = statements_->sums;
  if (row.step()) sums = {row.number(0), row.number(1), row.number(2), row.number(3)};
  row.reset();
  return sums;
}

std::optional<std::uint64_t> PackedEvents::cut(std::uint64_t events_max) {
  if (!statements_) return std::nullopt;
  std::uint64_t events = 0;
  for (auto piece = Statements::piece(statements_->after, 0); piece;) {
    events += piece->last_seq + 1 - piece->first_seq;
    piece = Statements::piece(statements_->after, piece->first_seq);
    if (piece && events + piece->last_seq + 1 - piece->first_seq > events_max) return piece->first_seq;
  }
  return std::nullopt;
}

std::uint64_t PackedEvents::trim(std::uint64_t keep_from) {
  if (!statements_) return 0;
  std::uint64_t pieces = 0, events = 0, bytes = 0, packed_bytes = 0;
  Statement& gone = statements_->lengths;
  gone.bind(1, keep_from);
  for (; gone.step(); ++pieces) {
    events += gone.number(1) + 1 - gone.number(0);
    bytes += gone.number(2);
    packed_bytes += gone.number(3);
  }
  gone.reset();
  if (pieces == 0) return 0;
  statements_->remove.run(keep_from);
  statements_->subtract.run(pieces, events, bytes, packed_bytes);
  return events;
}

}  // namespace bridge
