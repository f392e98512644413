// The journal's tables, and what a file of them holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "event/source_position.h"
#include "log/event_log.h"
#include "log/past_reader.h"
#include "runs/database.h"

namespace bridge {

// What a file holds.
struct JournalContents {
  std::vector<EpochStart> epochs;    // oldest first; empty in a new file
  bool clean = false;                // the last epoch was ended, as end_epoch() does
  std::uint64_t first_seq = 1;       // of rows and packed events; last_seq + 1 where there is none
  std::uint64_t last_row_seq = 0;    // of the rows; 0 where there is none
  std::uint64_t last_seq = 0;        // of rows and holes
  std::int64_t last_stamp_us = 0;
  std::vector<SeqRange> holes;       // in order
  // Dead-man's switches that are armed: name and params. Read by open() only.
  std::vector<std::pair<std::string, std::string>> switches;
  std::vector<std::pair<std::string, std::string>> alerts;    // rows of `alerts`
  std::vector<SourcePosition> positions;  // of the runs heard of last, oldest first
};

// Whether the tables are there; false in a new file. Throws DatabaseError where it is of another program
// or of a newer bridge.
bool has_schema(Database& db);
void make_schema(Database& db);
// From then on old events can be packed (PackedEvents), and no older bridge opens the file. Nothing happens where it was done.
void make_room_for_packed(Database& db);

// With the newest `positions_max` positions. REQUIRES: has_schema(). Throws DatabaseError.
JournalContents read_contents(Database& db, std::size_t positions_max);

}  // namespace bridge
