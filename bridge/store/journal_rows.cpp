// The rows of the journal as they are written.

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/limits.h"
#include "store/journal_statements.h"

namespace bridge {
namespace {

constexpr std::size_t kPositionsCached = 1024;
constexpr std::size_t kHolesStoredMax = 4096;

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
    null ? insert.bind(column, std::nullopt) : insert.bind(column, text);
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
    entry.source_seq != 0 ? insert.bind(6, entry.source_seq) : insert.bind(6, std::nullopt);
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
  statements_->insert_hole.run(item.hole.from, item.hole.to, std::string_view(item.reason), seconds(now_us));
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
  find.bind_all(source, run);
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
  for (const Position* position : changed_) {
    const SourcePosition& value = position->value;
    statements_->upsert_source.run(value.source, value.run, value.last_source_seq, position->seq);
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

}  // namespace bridge
