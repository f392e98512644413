#include "store/journal_contents.h"

#include <algorithm>
#include <string>

#include "runs/packed_events.h"
#include "store/journal_statements.h"

namespace bridge {
namespace {

// 2: `events` is a view over rows and packed events (PackedEvents). Files without those stay 1, as all bridges read them.
constexpr std::int64_t kSchemaVersion = 1;
constexpr std::int64_t kPackedVersion = 2;
constexpr std::int64_t kApplicationId = 0x50504F4A;  // "PPOJ"

constexpr const char* kSchema = R"(
CREATE TABLE events(
  seq INTEGER PRIMARY KEY,      -- number of the event; goes on over all epochs
  timestamp REAL NOT NULL,      -- when the bridge accepted it, seconds since 1970
  type TEXT NOT NULL,
  source TEXT,
  run TEXT,
  source_seq INTEGER,
  agent_id TEXT,                -- data.agent_id and data.item, where they are text
  item TEXT,
  data_bytes INTEGER NOT NULL,  -- length of data's text in body
  body TEXT NOT NULL            -- the event as it went to clients, JSON
);
CREATE TABLE epochs(
  id INTEGER PRIMARY KEY,
  epoch TEXT NOT NULL UNIQUE,
  first_seq INTEGER NOT NULL,
  started REAL NOT NULL,
  clean INTEGER NOT NULL        -- 1: the bridge ended it; 0: it runs, or was killed
);
CREATE TABLE holes(             -- events that were delivered but could not be written
  from_seq INTEGER PRIMARY KEY,
  to_seq INTEGER NOT NULL,
  reason TEXT NOT NULL,
  noted REAL NOT NULL
);
CREATE TABLE sources(           -- the last event of each run of each source
  source TEXT NOT NULL,
  run TEXT NOT NULL,
  last_source_seq INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY(source, run)
) WITHOUT ROWID;
)";

}  // namespace

bool has_schema(Database& db) {
  const std::int64_t version = db.number("PRAGMA user_version").value_or(0);
  const std::int64_t tables = db.number("SELECT count(*) FROM sqlite_master").value_or(0);
  if (version > kPackedVersion) {
    throw DatabaseError(SQLITE_ERROR, "it is of version " + std::to_string(version) +
                                          ", written by a newer bridge; this one knows version " +
                                          std::to_string(kPackedVersion));
  }
  if (tables != 0 && db.number("PRAGMA application_id") != kApplicationId) {
    throw DatabaseError(SQLITE_ERROR, "it is another program's database");
  }
  return tables != 0;
}

void make_schema(Database& db) {
  db.run("BEGIN IMMEDIATE");
  db.run(kSchema);
  db.run("PRAGMA application_id=" + std::to_string(kApplicationId));
  db.run("PRAGMA user_version=" + std::to_string(kSchemaVersion));
  db.run("COMMIT");
}

void make_room_for_packed(Database& db) {
  if (PackedEvents::may_be_in(db)) return;
  db.run("BEGIN IMMEDIATE");
  PackedEvents::make_room(db);
  db.run("PRAGMA user_version=" + std::to_string(kPackedVersion));
  db.run("COMMIT");
}

JournalContents read_contents(Database& db, std::size_t positions_max) {
  const auto number = [&db](const std::string& sql) {
    return static_cast<std::uint64_t>(db.number(sql).value_or(0));
  };
  JournalContents contents;
  {
    Statement epochs(db, "SELECT epoch,first_seq,clean,started FROM epochs ORDER BY id");
    while (epochs.step()) {
      contents.epochs.push_back({std::string(epochs.text(0)), epochs.number(1), contents.clean,
                                 microseconds(epochs.real(3))});
      contents.clean = epochs.number(2) != 0;
    }
  }
  // The newest one is never packed.
  const std::string rows = PackedEvents::rows_table(db);
  contents.last_row_seq = number("SELECT max(seq) FROM " + rows);
  if (contents.last_row_seq != 0) {
    Statement stamp(db, "SELECT timestamp FROM " + rows + " ORDER BY seq DESC LIMIT 1");
    if (stamp.step()) contents.last_stamp_us = microseconds(stamp.real(0));
  }
  contents.last_seq = contents.last_row_seq;
  {
    Statement holes(db, "SELECT from_seq,to_seq FROM holes ORDER BY from_seq");
    while (holes.step()) {
      contents.holes.push_back({holes.number(0), holes.number(1)});
      contents.last_seq = std::max(contents.last_seq, holes.number(1));
    }
  }
  if (!contents.epochs.empty()) {
    contents.last_seq = std::max(contents.last_seq, contents.epochs.back().first_seq - 1);
  }
  contents.first_seq = contents.last_row_seq != 0 ? PackedEvents::first_event(db) : contents.last_seq + 1;
  Statement sources(db, "SELECT source,run,last_source_seq FROM sources ORDER BY seq DESC LIMIT ?");
  sources.bind_all(positions_max);
  while (sources.step()) {
    contents.positions.push_back(
        {std::string(sources.text(0)), std::string(sources.text(1)), sources.number(2)});
  }
  std::reverse(contents.positions.begin(), contents.positions.end());
  return contents;
}

}  // namespace bridge
