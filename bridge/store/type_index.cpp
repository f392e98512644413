#include "store/type_index.h"

#include <algorithm>

#include "event/subscription.h"

namespace bridge {
namespace {

constexpr std::size_t kTypesMax = 64;          // of a block; more count as any
constexpr std::uint64_t kRowsAtOnce = 4096;    // some milliseconds
constexpr std::uint64_t kStretchBlocks = 64;   // as far as an answer reaches
constexpr std::string_view kAny = "*";

constexpr const char* kTypesTable = R"(
CREATE TABLE IF NOT EXISTS types(   -- of each 1,024 numbers of events
  block INTEGER PRIMARY KEY,        -- (seq - 1) / 1024
  events INTEGER NOT NULL,          -- how many of the numbers are events here
  types TEXT NOT NULL               -- of these, each once, with a space behind it; '*' = too many to name
))";

bool may_hold(std::string_view types, const std::vector<std::string>& wanted) {
  if (types == kAny) return true;
  for (std::size_t end = 0; !types.empty(); types.remove_prefix(end + 1)) {
    end = types.find(' ');
    if (end == std::string_view::npos) return true;  // somebody has changed it
    const std::string_view type = types.substr(0, end);
    if (std::any_of(wanted.begin(), wanted.end(), [&](const std::string& w) { return pattern_matches(w, type); })) return true;
  }
  return false;
}

// Makes it a table before statements of it are prepared.
Database& with_table(Database& db) {
  db.run(kTypesTable);
  return db;
}

}  // namespace

TypeIndex::TypeIndex(Database& database, PackedEvents& packed, std::uint64_t last_seq)
    : db_(with_table(database)),
      packed_(packed),
      upsert_(db_, "INSERT OR REPLACE INTO types VALUES(?,?,?)"),
      backward_(db_, "SELECT block,events,types FROM types WHERE block<=? AND block>=? ORDER BY block DESC"),
      forward_(db_, "SELECT block,events,types FROM types WHERE block>=? AND block<=? ORDER BY block"),
      count_(db_, std::string("SELECT type,count(*) FROM ") + PackedEvents::rows_table(db_) + " WHERE seq BETWEEN ? AND ? GROUP BY type"),
      find_(db_, "SELECT events,types FROM types WHERE block=?"),
      before_(db_, std::string("SELECT max(seq) FROM ") + PackedEvents::rows_table(db_) + " WHERE seq<?"),
      trim_(db_, "DELETE FROM types WHERE block<?") {
  forget(last_seq);
}

void TypeIndex::forget(std::uint64_t last_seq) {
  last_seq_ = last_seq;
  block_ = block_of(last_seq);
  find_.bind(1, block_);
  if (find_.step()) {
    events_ = find_.number(0);
    types_.clear();
    any_ = find_.text(1) == kAny;
    std::string_view left = any_ ? std::string_view() : find_.text(1);
    for (std::size_t end = 0; (end = left.find(' ')) != std::string_view::npos; left.remove_prefix(end + 1)) {
      types_.emplace_back(left.substr(0, end));
    }
    find_.reset();
    changed_ = false;
  } else {
    find_.reset();
    read_block(block_);
    // Where there are older rows, they end with a hole.
    if (events_ != 0) write_row();
  }
  newest_ = 0;
  known_from_ = static_cast<std::uint64_t>(db_.number("SELECT min(block) FROM types").value_or(static_cast<std::int64_t>(block_)));
  trimmed_to_ = known_from_;
}

void TypeIndex::add(std::string_view type) {
  if (newest_ < types_.size() && types_[newest_] == type) return;
  const auto known = std::find(types_.begin(), types_.end(), type);
  newest_ = static_cast<std::size_t>(known - types_.begin());
  if (known != types_.end() || any_) return;
  any_ = types_.size() == kTypesMax;
  if (!any_) types_.emplace_back(type);
}

void TypeIndex::observe(std::string_view type, std::uint64_t seq) {
  if (block_of(seq) != block_) {
    if (changed_) write_row();
    block_ = block_of(seq);
    events_ = 0;
    any_ = false;
    types_.clear();
  }
  ++events_;
  changed_ = true;
  last_seq_ = seq;
  add(type);
}

void TypeIndex::write() {
  if (changed_) write_row();
}

void TypeIndex::write_row() {
  std::string types;
  for (const std::string& type : types_) types.append(type).append(1, ' ');
  upsert_.run(block_, events_, any_ ? kAny : std::string_view(types));
  changed_ = false;
}

// What is being gathered becomes what `events` has of a block.
void TypeIndex::read_block(std::uint64_t block) {
  block_ = block;
  events_ = 0;
  any_ = false;
  types_.clear();
  const auto rows = [this](std::uint64_t low, std::uint64_t high) {
    count_.bind_all(low, high);
    for (; count_.step(); events_ += count_.number(1)) add(count_.text(0));
    count_.reset();
    return true;
  };
  const auto packed = [this](const PackedEvent& event) {
    ++events_;
    add(event.type);
    return true;
  };
  for (std::uint64_t from = first_of(block); from <= last_of(block);) {
    try {
      packed_.walk(from, last_of(block), false, rows, packed);
      break;
    } catch (const PieceDamaged& piece) {
      events_ += piece.last_seq + 1 - piece.first_seq;
      any_ = true;
      from = piece.last_seq + 1;
    }
  }
  changed_ = false;
}

void TypeIndex::fill() {
  std::uint64_t before = before_.first_number(first_of(known_from_));
  if (const auto piece = packed_.at_or_before(first_of(known_from_) - 1)) before = std::max(before, piece->last_seq);
  const bool more = before != 0;
  const std::uint64_t block = block_of(before);
  known_from_ = block;
  if (!more) return;
  const std::uint64_t last = last_seq_;
  write();
  read_block(block);
  write_row();
  forget(last);
}

void TypeIndex::trim(std::uint64_t first_seq) {
  if (block_of(first_seq) <= trimmed_to_) return;
  trimmed_to_ = block_of(first_seq);
  trim_.run(trimmed_to_);
}

bool TypeIndex::find(TypeSearch* search, TypeStretch* found) {
  const bool back = search->back;
  const std::uint64_t at = search->at, bound = search->bound;
  const std::uint64_t own = block_of(at);
  // Of a part of a block it is not known how many events it holds, nor of what is not looked through or not written.
  const bool whole = back ? at == last_of(own) : at == first_of(own);
  const std::uint64_t low = std::max(known_from_, block_of((back ? bound : at) + kBlockSeqs - 1));
  const std::uint64_t end = (back ? at : std::min(bound, last_seq_)) / kBlockSeqs;  // behind the last whole block
  const auto answer = [&](std::uint64_t from, std::uint64_t to) {
    found->from = from;
    found->to = to;
    return true;
  };
  if (at > last_seq_ || !whole || own < low || own >= end) {
    return back ? answer(std::max({bound, first_of(own), at > last_seq_ ? last_seq_ + 1 : 0}), at)
                : answer(at, std::min(bound, at > last_seq_ ? bound : last_of(own)));
  }
  Statement& rows = back ? backward_ : forward_;
  rows.bind_all(own, back ? low : end - 1);
  std::uint64_t looked = 0, nearest = 0, farthest = 0, passed = own;
  bool reached = false;
  while (looked < kRowsAtOnce && rows.step()) {
    ++looked;
    const std::uint64_t block = rows.number(0);
    const bool may = may_hold(rows.text(2), search->types);
    if (reached && (!may || block != (back ? farthest - 1 : farthest + 1) ||
                    (back ? nearest - block : block - nearest) == kStretchBlocks)) {
      break;
    }
    if (may) {
      if (!reached) nearest = block;
      farthest = block;
      reached = true;
    } else {
      found->held += rows.number(1);
      passed = block;
    }
  }
  rows.reset();
  found->looked += looked;
  if (reached) {
    return back ? answer(std::max(bound, first_of(farthest)), last_of(nearest))
                : answer(first_of(nearest), std::min(bound, last_of(farthest)));
  }
  if (looked == kRowsAtOnce) {
    search->at = back ? first_of(passed) - 1 : last_of(passed) + 1;
    return false;
  }
  // Nothing in all that is known: what is left may hold it.
  return back ? answer(bound, first_of(low) - 1) : answer(end * kBlockSeqs + 1, bound);
}

}  // namespace bridge
