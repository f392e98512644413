// The rows of the journal: written, read back, trimmed.

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "store/journal_statements.h"

namespace bridge {
namespace {

constexpr std::size_t kPositionsCached = 1024;
// Rows of `sources`, about 100 bytes each: a tenth of the file at most.
constexpr std::uint64_t kSourceRowsMin = 2 * kPositionsCached;
constexpr std::uint64_t kSourceRowsMax = 1'000'000;
constexpr std::size_t kHolesStoredMax = 4096;

// Blocks end where seq is a multiple of this, or where they are full.
constexpr std::uint64_t kBlockSeqs = 1024;
constexpr std::uint64_t kStoredOverhead = 256;  // of an event beside its data, as a rule
constexpr std::ptrdiff_t kEpochsLooked = 8;
constexpr std::size_t kBlocksBack = 8;          // in one answer of read_back()

}  // namespace

JournalResult<bool> JournalFile::append(const std::vector<JournalItem>& items,
                                        std::int64_t now_us) {
  const std::uint64_t last_before = last_row_seq_;
  const std::uint64_t rows_before = rows_;
  auto done = guarded([&] {
    statements_->begin.run();
    const bool up_to_date = !runs_are_behind();
    for (const JournalItem& item : items) {
      if (item.block) {
        insert_block(*item.block, item.index);
        if (up_to_date) runs_->fold(*item.block, item.index);
      } else {
        insert_hole(item, now_us);
      }
    }
    write_positions();
    if (up_to_date) runs_->write(now_us);
    types_->write();
    statements_->commit.run();
    return true;
  });
  if (!done) {
    last_row_seq_ = last_before;
    rows_ = rows_before;
    last_position_ = nullptr;
    // Where they cannot be read again either, the file must be opened anew.
    const auto forgotten = guarded([&] { return runs_->forget(), types_->forget(last_row_seq_), true; });
    return forgotten ? done : forgotten;
  }
  for (Position* position : changed_) {
    if (position->fresh) ++source_rows_;
    position->fresh = position->changed = false;
  }
  changed_.clear();
  forget_positions();
  if (last_before == 0 && last_row_seq_ != 0) {
    for (const JournalItem& item : items) {
      if (!item.block) continue;
      first_seq_ = item.block->seq(item.index);
      break;
    }
  }
  return done;
}

void JournalFile::insert_block(const Block& block, std::size_t index) {
  Statement& insert = statements_->insert;
  // What a column holds from the row before it keeps: binding costs more than looking. Null has no data.
  std::array<std::optional<std::string_view>, 9> held;
  const auto bind = [&insert, &held](int column, std::string_view text) {
    std::optional<std::string_view>& before = held[static_cast<std::size_t>(column)];
    const bool null = text.data() == nullptr;
    if (before && (before->data() == nullptr) == null && *before == text) return;
    before = text;
    if (null) {
      insert.bind_null(column);
    } else {
      insert.bind(column, text);
    }
  };
  const auto optional_text = [&bind](int column, std::string_view text) {
    bind(column, text.empty() ? std::string_view() : text);
  };
  const auto field = [&](int column, IndexedField::Kind kind, const EventEntry::Piece& piece) {
    bind(column, kind == IndexedField::Kind::text ? block.text(piece) : std::string_view());
  };
  for (std::size_t i = index; i < block.size(); ++i) {
    const EventEntry& entry = block.entry(i);
    const std::uint64_t seq = block.seq(i);
    insert.bind(1, seq);
    insert.bind(2, seconds(entry.timestamp_us));
    bind(3, block.text(entry.type));
    optional_text(4, block.text(entry.source));
    optional_text(5, block.text(entry.run));
    if (entry.source_seq != 0) {
      insert.bind(6, entry.source_seq);
    } else {
      insert.bind_null(6);
    }
    field(7, entry.agent_kind, entry.agent_id);
    field(8, entry.item_kind, entry.item);
    insert.bind(9, std::uint64_t{entry.data.size});
    insert.bind(10, block.json(i));
    insert.run();
    if (entry.source_seq != 0) observe(block, entry, seq);
    types_->observe(block.text(entry.type), seq);
  }
  last_row_seq_ = block.last_seq();
  rows_ += block.size() - index;
}

void JournalFile::insert_hole(const JournalItem& item, std::int64_t now_us) {
  Statement& insert = statements_->insert_hole;
  insert.bind(1, item.hole.from);
  insert.bind(2, item.hole.to);
  insert.bind(3, std::string_view(item.reason));
  insert.bind(4, seconds(now_us));
  insert.run();
  database_->run("DELETE FROM holes WHERE from_seq NOT IN "
                 "(SELECT from_seq FROM holes ORDER BY from_seq DESC LIMIT " +
                 std::to_string(kHolesStoredMax) + ")");
  if (last_row_seq_ == 0) first_seq_ = item.hole.to + 1;
}

void JournalFile::observe(const Block& block, const EventEntry& entry, std::uint64_t seq) {
  const std::string_view source = block.text(entry.source);
  const std::string_view run = block.text(entry.run);
  if (source.empty() || run.empty()) return;
  if (last_position_ == nullptr || last_position_->value.source != source ||
      last_position_->value.run != run) {
    last_position_ = &position_of(source, run);
  }
  Position& position = *last_position_;
  position.value.last_source_seq = std::max(position.value.last_source_seq, entry.source_seq);
  position.seq = seq;
  if (!position.changed) {
    position.changed = true;
    changed_.push_back(&position);
  }
}

JournalFile::Position& JournalFile::position_of(std::string_view source, std::string_view run) {
  key_.assign(source).append(1, '\n').append(run);
  const auto found = positions_.find(key_);
  if (found != positions_.end()) return found->second;
  Position position;
  position.value = {std::string(source), std::string(run), 0};
  position.fresh = !load_position(source, run, &position);
  return positions_.emplace(key_, std::move(position)).first->second;
}

bool JournalFile::load_position(std::string_view source, std::string_view run,
                                Position* position) {
  Statement& find = statements_->find_source;
  find.bind(1, source);
  find.bind(2, run);
  const bool known = find.step();
  if (known) {
    position->value.last_source_seq = find.number(0);
    position->seq = find.number(1);
  }
  find.reset();
  return known;
}

JournalResult<std::optional<std::uint64_t>> JournalFile::find_position(std::string_view source,
                                                                       std::string_view run) {
  return guarded([&]() -> std::optional<std::uint64_t> {
    Position position;
    if (!load_position(source, run, &position)) return std::nullopt;
    return position.value.last_source_seq;
  });
}

void JournalFile::write_positions() {
  Statement& upsert = statements_->upsert_source;
  for (const Position* position : changed_) {
    upsert.bind(1, std::string_view(position->value.source));
    upsert.bind(2, std::string_view(position->value.run));
    upsert.bind(3, position->value.last_source_seq);
    upsert.bind(4, position->seq);
    upsert.run();
  }
}

// Out of memory go the runs that were silent for longest, many at once so that it is seldom. REQUIRES: all
// are written.
void JournalFile::forget_positions() {
  if (positions_.size() <= kPositionsCached) return;
  std::vector<std::uint64_t> seqs;
  seqs.reserve(positions_.size());
  for (const auto& [key, position] : positions_) seqs.push_back(position.seq);
  const auto keep_from = seqs.end() - static_cast<std::ptrdiff_t>(kPositionsCached * 3 / 4);
  std::nth_element(seqs.begin(), keep_from, seqs.end());
  last_position_ = nullptr;
  for (auto it = positions_.begin(); it != positions_.end();) {
    it = it->second.seq < *keep_from ? positions_.erase(it) : std::next(it);
  }
}

JournalResult<std::vector<BlockPtr>> JournalFile::read(std::uint64_t from,
                                                       std::size_t blocks_max) {
  auto blocks = guarded([&] {
    std::vector<BlockPtr> out;
    Statement& select = statements_->select;
    select.bind(1, from);
    bool more = select.step();
    while (more && out.size() < blocks_max) {
      if (!out.empty() && select.number(0) != out.back()->last_seq() + 1) break;
      BlockPtr block = read_block(&more);
      if (block) out.push_back(std::move(block));
    }
    select.reset();
    return out;
  });
  if (!blocks) builder_ = BlockBuilder();  // it may hold half a block
  return blocks;
}

// The events from the row that `select` is at; null where that one was changed by somebody and is none.
// `*more`: it is at another row.
BlockPtr JournalFile::read_block(bool* more) {
  Statement& row = statements_->select;
  while (*more) {
    StoredEvent event;
    event.seq = row.number(0);
    event.timestamp_us = microseconds(row.real(1));
    event.data_bytes = static_cast<std::uint32_t>(row.number(2));
    event.json = row.text(3);
    if (!builder_.add_stored(event)) {
      if (builder_.empty()) *more = row.step();
      break;
    }
    *more = row.step();
    if (event.seq % kBlockSeqs == 0 || builder_.bytes() >= kBlockBytesMax) break;
    if (*more && row.number(0) != event.seq + 1) break;
  }
  return builder_.empty() ? nullptr : builder_.seal();
}

JournalResult<std::vector<BlockPtr>> JournalFile::read_back(std::uint64_t to) {
  SeqRange wanted{1, 0};
  const auto found = guarded([&] {
    // Where a block begins that ends at `to`, by the sizes of the events that it would be made of.
    std::uint64_t bytes = 0;
    Statement& sizes = statements_->sizes;
    sizes.bind(1, to);
    while (sizes.step()) {
      const std::uint64_t seq = sizes.number(0);
      bytes += sizes.number(1) + kStoredOverhead;
      if (wanted.to == 0) {
        wanted.to = seq;
      } else if (seq + 1 != wanted.from || seq % kBlockSeqs == 0 || bytes > kBlockBytesMax) {
        break;
      }
      wanted.from = seq;
    }
    sizes.reset();
    return true;
  });
  if (!found) return found.error();
  // One block, unless events hold much beside their data; then the last few.
  std::vector<BlockPtr> blocks;
  for (std::uint64_t next = wanted.from; next <= wanted.to; next = blocks.back()->last_seq() + 1) {
    auto block = read(next, 1);
    if (!block) return block.error();
    if (block.value().empty() || block.value()[0]->first_seq() > wanted.to) break;
    if (blocks.size() == kBlocksBack) blocks.erase(blocks.begin());
    blocks.push_back(std::move(block.value()[0]));
  }
  return blocks;
}

std::optional<StampedSeq> JournalFile::stamp_at(std::uint64_t seq) {
  Statement& stamp = statements_->stamp;
  stamp.bind(1, seq);
  std::optional<StampedSeq> event;
  if (stamp.step()) event = StampedSeq{stamp.number(0), microseconds(stamp.real(1))};
  stamp.reset();
  return event;
}

JournalResult<std::uint64_t> JournalFile::first_seq_since(std::int64_t timestamp_us) {
  return guarded([&] {
    return bridge::first_seq_since(contents_.epochs, first_seq_, last_row_seq_ + 1, timestamp_us,
                                   [this](std::uint64_t seq) { return stamp_at(seq); });
  });
}

// The first event that is not older. One that is stamped later than it was (the clock was ahead) counts as
// old once the beginning of a later epoch does, as long as that is no earlier than the beginning of its own:
// a clock that went back further was not set right by it.
std::uint64_t JournalFile::first_kept(std::int64_t too_old_us) {
  const auto at = [this](std::uint64_t seq) { return stamp_at(seq); };
  const std::vector<EpochStart>& epochs = contents_.epochs;
  const std::uint64_t end = last_row_seq_ + 1;
  auto next = std::find_if(epochs.begin(), epochs.end(),
                           [this](const EpochStart& e) { return e.first_seq > first_seq_; });
  for (std::uint64_t from = first_seq_; from < end; ++next) {
    const std::uint64_t epoch_end = next == epochs.end() ? end : std::min(next->first_seq, end);
    const std::int64_t began_us = next == epochs.begin() ? INT64_MAX : std::prev(next)->started_us;
    const std::uint64_t kept = first_seq_between(from, epoch_end, too_old_us, at);
    const auto soon = next + std::min(epochs.end() - next, kEpochsLooked);
    const bool came_back = std::any_of(next, soon, [&](const EpochStart& e) {
      const auto later = at(e.first_seq);
      return later && later->timestamp_us >= began_us && later->timestamp_us < too_old_us;
    });
    if (kept < epoch_end && !came_back) return kept;
    if (next == epochs.end()) break;
    from = epoch_end;
  }
  return end;
}

template <class F>
JournalResult<bool> JournalFile::change_runs(F&& f) {
  auto done = guarded([&] {
    statements_->begin.run();
    const bool result = f();
    statements_->commit.run();
    return result;
  });
  if (done) return done;
  const auto forgotten = guarded([&] { return runs_->forget(), true; });
  return forgotten ? done : forgotten;
}

JournalResult<bool> JournalFile::find_types(TypeSearch* search, TypeStretch* found) {
  return guarded([&] { return types_->find(search, found); });
}

JournalResult<bool> JournalFile::fold_past() {
  if (!runs_are_behind()) {
    return guarded([&] {
      statements_->begin.run();
      types_->fill();
      statements_->commit.run();
      return past_is_behind();
    });
  }
  const std::uint64_t from = runs_->seq() + 1;
  const auto blocks = read(from, 1);
  return change_runs([&] {
    // What cannot be read goes uncounted.
    if (!blocks) {
      runs_->skip_to(std::min(from + kBlockSeqs, last_row_seq_));
    } else if (blocks.value().empty()) {
      runs_->skip_to(last_row_seq_);
    } else {
      runs_->fold(*blocks.value().front(), 0);
    }
    if (runs_are_behind()) {
      runs_->write(0);
    } else {
      runs_->flush();
    }
    return past_is_behind();
  });
}

JournalResult<bool> JournalFile::flush_runs() {
  if (!runs_->dirty()) return true;
  return change_runs([&] { return runs_->flush(), true; });
}

JournalResult<bool> JournalFile::set_run(const RunChange& change) {
  return change_runs([&] { return runs_->set_run(change); });
}

JournalResult<bool> JournalFile::trim_runs(std::int64_t now_us) {
  return change_runs([&] { return runs_->trim(now_us); });
}

void JournalFile::set_limits(const JournalLimits& limits) {
  limits.put_into(&options_);
  runs_->set_limits(limits.runs_bytes_max, limits.runs_age_max_us);
}

JournalResult<std::uint64_t> JournalFile::trim(std::uint64_t rows_max, std::int64_t now_us) {
  return guarded([&]() -> std::uint64_t {
    const std::uint64_t sources_max =
        std::clamp(options_.bytes_max / 1024, kSourceRowsMin, kSourceRowsMax);
    if (source_rows_ > sources_max) {
      statements_->trim_sources.bind(1, std::min(rows_max, source_rows_ - sources_max) - 1);
      statements_->trim_sources.run();
      const auto gone = static_cast<std::uint64_t>(sqlite3_changes64(database_->handle()));
      source_rows_ -= std::min(source_rows_, gone);
    }
    if (last_row_seq_ <= first_seq_) return 0;
    const std::uint64_t used = bytes();
    std::uint64_t keep_from = used - std::min(used, runs_->bytes()) > options_.bytes_max
                                  ? last_row_seq_
                                  : first_kept(now_us - options_.age_max_us);
    if (runs_are_behind()) keep_from = std::min(keep_from, runs_->seq() + 1);  // they come to it soon
    if (keep_from <= first_seq_) return 0;
    Statement& nth = statements_->nth;
    nth.bind(1, rows_max);
    if (nth.step()) keep_from = std::min(keep_from, nth.number(0));
    nth.reset();
    keep_from = std::min(keep_from, last_row_seq_);
    if (keep_from <= first_seq_) return 0;
    statements_->remove.bind(1, keep_from);
    statements_->remove.run();
    const auto removed = static_cast<std::uint64_t>(sqlite3_changes64(database_->handle()));
    rows_ -= std::min(rows_, removed);
    statements_->remove_holes.bind(1, keep_from);
    statements_->remove_holes.run();
    types_->trim(keep_from);
    const auto first = stamp_at(keep_from);
    first_seq_ = first ? first->seq : keep_from;
    return removed;
  });
}

}  // namespace bridge
