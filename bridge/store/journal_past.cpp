// What becomes of the journal's older events: folded into the runs, packed, trimmed.

#include <algorithm>
#include <optional>
#include <utility>

#include "store/journal_statements.h"

namespace bridge {
namespace {

// Rows of `sources`, about 100 bytes each: a tenth of the file at most.
constexpr std::uint64_t kSourceRowsMin = 2048;
constexpr std::uint64_t kSourceRowsMax = 1'000'000;
constexpr std::ptrdiff_t kEpochsLooked = 8;
constexpr std::uint64_t kPackedTrimmed = 8;  // so many packed events go for one row: they take a tenth of its room

}  // namespace

// The first event that is not older. One that is stamped later than it was (the clock was ahead) counts as
// old once the beginning of a later epoch does, as long as that is no earlier than the beginning of its own:
// a clock that went back further was not set right by it.
std::uint64_t JournalFile::first_kept(std::int64_t too_old_us) {
  const std::vector<EpochStart>& epochs = contents_.epochs;
  const std::uint64_t end = last_row_seq_ + 1;
  auto next = std::find_if(epochs.begin(), epochs.end(),
                           [this](const EpochStart& e) { return e.first_seq > first_seq_; });
  for (std::uint64_t from = first_seq_; from < end; ++next) {
    const std::uint64_t epoch_end = next == epochs.end() ? end : std::min(next->first_seq, end);
    const std::int64_t began_us = next == epochs.begin() ? INT64_MAX : std::prev(next)->started_us;
    const auto at = [&](std::uint64_t seq) { return stamp_at(seq, {too_old_us, began_us}); };
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
      runs_->skip_to(std::min(std::max(from + kBlockSeqs, blocks.error().damaged.to), last_row_seq_));
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
      statements_->trim_sources.run(std::min(rows_max, source_rows_ - sources_max) - 1);
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
    keep_from = std::min({keep_from, last_row_seq_, packed_->cut(kPackedTrimmed * rows_max).value_or(UINT64_MAX)});
    // A piece goes as a whole.
    const auto piece = packed_->at_or_before(keep_from);
    if (piece && piece->last_seq >= keep_from) keep_from = piece->first_seq;
    if (keep_from <= first_seq_) return 0;
    statements_->begin.run();
    const std::uint64_t unpacked = packed_->trim(keep_from);
    statements_->remove.run(keep_from);
    const auto removed = unpacked + static_cast<std::uint64_t>(sqlite3_changes64(database_->handle()));
    statements_->remove_holes.run(keep_from);
    types_->trim(keep_from);
    statements_->commit.run();
    rows_ -= std::min(rows_, removed);
    const auto first = stamp_at(keep_from, {});
    first_seq_ = first ? first->seq : keep_from;
    return removed;
  });
}

JournalResult<bool> JournalFile::pack(std::int64_t now_us) {
  if (options_.compress_after_us == 0 || past_is_behind()) return false;
  std::uint64_t block_end = 0;
  auto more = guarded([&] {
    Statement& first = statements_->stamp;
    first.bind(1, std::max(pack_from_, first_seq_));
    const bool any = first.step();
    const std::uint64_t from = any ? first.number(0) : 0;
    first.reset();
    block_end = (from + kBlockSeqs - 1) / kBlockSeqs * kBlockSeqs;
    if (!any || block_end >= last_row_seq_) return false;
    Statement& last = statements_->stamp_back;
    last.bind(1, block_end);
    const bool old = last.step() && microseconds(last.real(0)) <= now_us - options_.compress_after_us;
    last.reset();
    if (!old) return false;
    statements_->begin.run();
    const std::uint64_t next = packed_->pack(from, block_end);
    statements_->commit.run();
    pack_from_ = next;
    return true;
  });
  if (!more && !more.error().may_pass) pack_from_ = std::max(pack_from_, block_end + 1);
  return more;
}

PackedEvents::Sums JournalFile::packed_sums() {
  const auto sums = guarded([&] { return packed_->sums(); });
  return sums ? sums.value() : PackedEvents::Sums();
}

}  // namespace bridge
