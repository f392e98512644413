// Which types the events of a journal are of, for each 1,024 of their numbers, so that a search for a rare one passes over
// the rest. A row of a table for so many events: an index of each event would cost a tenth of what writing them does.
//
// Blocks from the oldest row on are known; one without a row holds nothing. What an older bridge wrote is looked through
// by and by, backward. A deleted event still counts until its block is gone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "log/past_reader.h"
#include "runs/database.h"
#include "runs/packed_events.h"

namespace bridge {

// One thread at a time. Every function but observe() throws DatabaseError. The database and the
// packed events must outlive it.
class TypeIndex {
 public:
  static constexpr std::uint64_t kBlockSeqs = PackedEvents::kBlockSeqs;

  // Makes the table where it is missing. REQUIRES: `events`, of which the newest is `last_seq`; 0: there is none.
  TypeIndex(Database& database, PackedEvents& packed, std::uint64_t last_seq);

  // Events in order, as they are written; write() before the commit.
  void observe(std::string_view type, std::uint64_t seq);
  void write();
  // Goes back to what is written, up to `last_seq`.
  void forget(std::uint64_t last_seq);

  // Whether events from `first_seq` on are still to be looked through.
  bool is_behind(std::uint64_t first_seq) const { return known_from_ > block_of(first_seq); }
  // Looks through a block more. REQUIRES: is_behind().
  void fill();
  // Events before `first_seq` are gone. Cheap; what is of no use may stay for a while.
  void trim(std::uint64_t first_seq);

  // See PastReader::find_types(). Looks at some thousand blocks at most: false where it has to be called again, with
  // what is left of the question and with the same answer, which it goes on with.
  bool find(TypeSearch* search, TypeStretch* found);

 private:
  static std::uint64_t block_of(std::uint64_t seq) { return seq == 0 ? 0 : (seq - 1) / kBlockSeqs; }
  static std::uint64_t first_of(std::uint64_t block) { return block * kBlockSeqs + 1; }
  static std::uint64_t last_of(std::uint64_t block) { return (block + 1) * kBlockSeqs; }
  void add(std::string_view type);
  void read_block(std::uint64_t block);
  void write_row();

  Database& db_;
  PackedEvents& packed_;
  Statement upsert_, backward_, forward_, count_, find_, before_, trim_;
  std::uint64_t known_from_ = 0;  // block
  std::uint64_t trimmed_to_ = 0;  // block
  std::uint64_t last_seq_ = 0;    // that is written
  // What is being gathered.
  std::uint64_t block_ = 0;
  std::uint64_t events_ = 0;
  std::vector<std::string> types_;
  std::size_t newest_ = 0;  // the type of the event before, in types_
  bool any_ = false;        // more types than are kept
  bool changed_ = false;
};

}  // namespace bridge
