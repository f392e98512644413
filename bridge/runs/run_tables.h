// The tables of runs, and the statements that write them; for RunStore alone.
#pragma once

#include "runs/run_store.h"

namespace bridge {

// 1: no `tallies_before`, and up to 512 points in a row of samples. Such a file is gone on with as it is; a bridge that
// knows only 1 would count the rows wrongly.
inline constexpr std::uint64_t kRunTablesVersion = 2;
inline constexpr int kChunkBits = 20;  // of the id of a row of `chunks`: which of its curve

inline constexpr const char* kRunTables = R"(
CREATE TABLE IF NOT EXISTS runs(
  id INTEGER PRIMARY KEY,
  source TEXT NOT NULL,
  run TEXT NOT NULL,            -- '' = events that name none
  agent_id TEXT NOT NULL,       -- '' = the run as a whole
  state TEXT NOT NULL,          -- running, finished, crashed, interrupted, lost
  started REAL NOT NULL,        -- seconds since 1970
  last REAL NOT NULL,           -- its last event, to within seconds
  ended REAL,
  steps REAL,                   -- the furthest that a curve has come
  name TEXT, config TEXT, tags TEXT, error TEXT,
  own_name TEXT, note TEXT, own_tags TEXT,  -- what people gave it (set_run)
  hidden INTEGER NOT NULL DEFAULT 0,
  pinned INTEGER NOT NULL DEFAULT 0,
  deleted INTEGER NOT NULL DEFAULT 0,
  UNIQUE(source, run, agent_id)
);
CREATE INDEX IF NOT EXISTS runs_by_last ON runs(last);
CREATE INDEX IF NOT EXISTS runs_deleted ON runs(id) WHERE deleted=1;
CREATE TABLE IF NOT EXISTS tallies(  -- of a run: trades added up; a sum is x + x_rest
  run INTEGER PRIMARY KEY,
  trades INTEGER NOT NULL, wins INTEGER NOT NULL, closed INTEGER NOT NULL,
  profit REAL, profit_rest REAL, volume REAL, volume_rest REAL,
  value REAL                    -- total_value of its last portfolio
);
CREATE TABLE IF NOT EXISTS tallies_before(  -- as they were behind event `at`, of each run that changed until the next `at`
  at INTEGER NOT NULL, run INTEGER NOT NULL,
  trades INTEGER NOT NULL, wins INTEGER NOT NULL, closed INTEGER NOT NULL,
  profit REAL, profit_rest REAL, volume REAL, volume_rest REAL, value REAL,
  PRIMARY KEY(at, run)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS curves(
  id INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  tag TEXT NOT NULL,
  points INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0,
  last REAL,                    -- NULL = it was no number
  last_step REAL,
  UNIQUE(run, tag)
);
CREATE TABLE IF NOT EXISTS chunks(  -- what stands in a row of samples
  id INTEGER PRIMARY KEY,       -- curve * 2^20 + which, from 0
  points INTEGER NOT NULL, rises INTEGER NOT NULL,  -- 1: steps, 2: times; and 4 for each that is no number
  step_min REAL, step_max REAL, time_min INTEGER, time_max INTEGER,
  min REAL, max REAL, first REAL, last REAL
);
CREATE TABLE IF NOT EXISTS samples(id INTEGER PRIMARY KEY, steps BLOB, vals BLOB, times BLOB);
CREATE TABLE IF NOT EXISTS marks(
  seq INTEGER NOT NULL, run INTEGER NOT NULL, kind TEXT NOT NULL, timestamp REAL NOT NULL, data TEXT,
  PRIMARY KEY(seq, run)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS marks_by_run ON marks(run);
CREATE TABLE IF NOT EXISTS runs_state(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
)";

inline constexpr const char* kLoseAll = "UPDATE runs SET state='lost',ended=last WHERE state='running'";

inline double stored_seconds(std::int64_t us) { return static_cast<double>(us) / 1e6; }

// NULL where it is none.
inline std::optional<double> finite(double value) { return std::isfinite(value) ? std::optional(value) : std::nullopt; }

// From 1 on, as `tallies` has them.
inline void bind_tally(Statement& statement, std::uint64_t run, const Tally& tally) {
  statement.bind_all(run, tally.trades, tally.wins, tally.closed, finite(tally.profit.sum), finite(tally.profit.rest),
                     finite(tally.volume.sum), finite(tally.volume.rest), finite(tally.value.value_or(kNoNumber)));
}

struct RunStore::Statements {
  explicit Statements(Database& db)
      : find_run(db,
                 "SELECT id,CAST(last*1e6 AS INTEGER),steps,state='lost',deleted,(SELECT count(*) FROM curves WHERE "
                 "curves.run=runs.id) FROM runs WHERE source=? AND run=? AND agent_id=?"),
        find_tally(db,
                   "SELECT trades,wins,closed,profit,profit_rest,volume,volume_rest,value FROM tallies "
                   "WHERE run=?"),
        insert_run(db,
                   "INSERT INTO runs(source,run,agent_id,state,started,last) "
                   "VALUES(?1,?2,?3,'running',?4,?4)"),
        write_run(db, "UPDATE runs SET last=?,steps=? WHERE id=?"),
        insert_tally(db, "INSERT INTO tallies(run,trades,wins,closed) VALUES(?,0,0,0)"),
        write_tally(db,
                    "UPDATE tallies SET trades=?2,wins=?3,closed=?4,profit=?5,profit_rest=?6,volume=?7,"
                    "volume_rest=?8,value=?9 WHERE run=?1"),
        write_tally_before(db, "INSERT OR IGNORE INTO tallies_before VALUES(?10,?1,?2,?3,?4,?5,?6,?7,?8,?9)"),
        revive(db, "UPDATE runs SET state='running',ended=NULL WHERE id=? AND state='lost'"),
        start(db,
              "UPDATE runs SET state='running',ended=NULL,error=NULL,started=?,name=?,config=?,tags=? "
              "WHERE id=?"),
        add_config(db,
                   "UPDATE runs SET config=json_patch(coalesce(config,'{}'),?1) WHERE id=?2 AND "
                   "length(json_patch(coalesce(config,'{}'),?1))<=?3"),
        end_all(db,
                "UPDATE runs SET state=?1,ended=?2,error=coalesce(?3,error) WHERE source=?4 AND run=?5"),
        end_agent(db,
                  "UPDATE runs SET state=?1,ended=?2,error=coalesce(?3,error) "
                  "WHERE source=?4 AND run=?5 AND agent_id=?6"),
        lose(db,
             "UPDATE runs SET state='lost',ended=?1 WHERE source=?2 AND run=?3 AND state='running'"),
        newest_run(db,
                   "SELECT id FROM runs WHERE source=? ORDER BY agent_id=? DESC,id DESC LIMIT 1"),
        find_curve(db, "SELECT id,points,bytes FROM curves WHERE run=? AND tag=?"),
        insert_curve(db, "INSERT INTO curves(run,tag) VALUES(?,?)"),
        write_curve(db, "UPDATE curves SET points=?,bytes=?,last=?,last_step=? WHERE id=?"),
        read_points(db,
                    "SELECT id,points,steps,vals,times FROM chunks LEFT JOIN samples USING(id) WHERE id BETWEEN ? AND ? "
                    "ORDER BY id DESC LIMIT 1"),
        write_chunk(db, "INSERT OR REPLACE INTO chunks VALUES(?,?,?,?,?,?,?,?,?,?,?)"),
        write_points(db, "INSERT OR REPLACE INTO samples VALUES(?,?,?,?)"),
        mark(db, "INSERT OR REPLACE INTO marks VALUES(?,?,?,?,?)"),
        set_state(db, "UPDATE runs_state SET value=?2 WHERE name=?1") {}
  Statement find_run, find_tally, insert_run, write_run, insert_tally, write_tally, write_tally_before, revive, start, add_config, end_all,
      end_agent, lose, newest_run, find_curve, insert_curve, write_curve, read_points,
      write_chunk, write_points, mark, set_state;
};

}  // namespace bridge
