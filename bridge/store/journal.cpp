#include "store/journal.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/log.h"
#include "base/loop_turns.h"

namespace bridge {
namespace {

constexpr std::size_t kKnownHolesMax = 4096;  // older ones are then taken for held, and found out reading

}  // namespace

Journal::Journal(JournalFileOptions options, const Clock& clock,
                 std::function<void(std::function<void()>)> post)
    : options_(options),
      clock_(clock),
      thread_(std::move(options), clock,
              {std::move(post), [this](const JournalProgress& p) { on_progress(p); }}) {}

// What was opened and never started has lost nothing.
Journal::~Journal() {
  if (file_ != nullptr && !file_->end_epoch()) file_.reset();
}

LogStart Journal::open(std::string new_epoch) {
  LogStart start(std::move(new_epoch));
  auto opened = JournalFile::open(options_);
  if (!opened) {
    problem_ = opened.error().message;
    start_without(&start);
    return start;
  }
  file_ = std::move(opened.value());
  const JournalContents& contents = file_->contents();
  start.epochs = contents.epochs;
  start.last_seq = contents.last_seq;
  start.last_stamp_us = contents.last_stamp_us;
  epoch_ = {start.epoch, start.last_seq + 1};
  if (contents.clean) epoch_ = start.epochs.back();
  positions_ = contents.positions;
  const auto begun = file_->begin_epoch(epoch_, clock_.wall_us());
  if (begun) {
    switches_ = contents.switches;
    alerts_ = contents.alerts;
    holes_ = std::make_shared<const std::vector<SeqRange>>(contents.holes);
    first_seq_ = contents.first_seq;
    committed_seq_ = contents.last_seq;
    readable_ = true;
  } else {
    // Nobody must go on with an epoch that is not noted as begun: it could be gone on with twice.
    problem_ = begun.error().message;
    epoch_ = {start.epoch, start.last_seq + 1};
    file_.reset();
  }
  start.epoch = epoch_.epoch;
  if (start.epochs.empty() || start.epochs.back().epoch != epoch_.epoch) {
    start.epochs.push_back(epoch_);
  }
  return start;
}

// The file may be used once its trouble is over, so no event may have a number that it has given already.
// Where it can be read that is behind its last. Where not, it is the time: no numbering that began at
// one, or at an earlier time, has come so far unless it had a million events a second ever since.
void Journal::start_without(LogStart* start) {
  const auto held = JournalFile::look(options_.path, options_.positions_max);
  if (held) {
    start->epochs = held->epochs;
    start->last_seq = held->last_seq;
    start->last_stamp_us = held->last_stamp_us;
    positions_ = held->positions;
  } else {
    start->last_seq = static_cast<std::uint64_t>(std::max<std::int64_t>(clock_.wall_us(), 1)) - 1;
  }
  epoch_ = {start->epoch, start->last_seq + 1};
  start->epochs.push_back(epoch_);
  log_warn("journal_numbering", "journal: events are numbered from {} on: {}", epoch_.first_seq,
               held ? "it goes no further, as can be seen without writing to it"
                    : "the time in microseconds, as it cannot be seen how far it goes");
}

Result<bool> Journal::skip_to(std::uint64_t seq, const char* reason) {
  JournalItem item;
  item.hole = {committed_seq_ + 1, seq};
  item.reason = reason;
  const auto noted = file_->append({item}, clock_.wall_us());
  if (!noted) return Failure{noted.error().message};
  auto holes = *holes_;
  holes.push_back(item.hole);
  holes_ = std::make_shared<const std::vector<SeqRange>>(std::move(holes));
  first_seq_ = file_->first_seq();
  committed_seq_ = seq;
  return true;
}

Result<bool> Journal::fill(const std::vector<BlockPtr>& blocks, const char* reason) {
  if (blocks.front()->first_seq() > committed_seq_ + 1) {
    auto skipped = skip_to(blocks.front()->first_seq() - 1, reason);
    if (!skipped) return skipped;
  }
  std::vector<JournalItem> items;
  for (const BlockPtr& block : blocks) items.push_back({block, 0, {}, ""});
  const auto written = file_->append(items, clock_.wall_us());
  if (!written) return Failure{written.error().message};
  std::uint64_t events = 0;
  for (const BlockPtr& block : blocks) events += block->size();
  const auto trimmed = file_->trim(2 * events, clock_.wall_us());
  if (!trimmed) return Failure{trimmed.error().message};
  first_seq_ = file_->first_seq();
  committed_seq_ = blocks.back()->last_seq();
  return true;
}

std::string Journal::problem() const { return log_ == nullptr ? problem_ : status().problem; }

void Journal::start(EventLog& log, std::function<void()> on_progress) {
  log_ = &log;
  on_progress_ = std::move(on_progress);
  cursor_ = log.last_seq();
  log.add_on_seal([this](const BlockPtr& block) { on_sealed(block); });
  log.add_on_epochs([this] {
    if (log_->epochs().back().epoch == epoch_.epoch) return;
    epoch_ = log_->epochs().back();
    thread_.begin_epoch(epoch_);
  });
  thread_.start(std::move(file_), epoch_, cursor_, problem_);
}

void Journal::pump() {
  const TurnPart part("to the journal");
  if (log_ == nullptr || stopped_) return;
  if (idle_ && cursor_ == log_->history().last_seq()) log_->seal();
  catch_up();
}

// What the queue had no room for is in memory, or gone from it: then the thread sees a hole.
void Journal::catch_up() {
  const History& history = log_->history();
  while (cursor_ < history.last_seq()) {
    const std::uint64_t next = std::max(cursor_ + 1, history.first_seq());
    if (!push(history.find(next), next)) return;
  }
}

void Journal::on_sealed(const BlockPtr& block) {
  if (stopped_) return;
  if (options_.sync_each_commit) {
    unwritten_.push_back({block->last_seq(), block->memory_bytes()});
    unwritten_bytes_ += block->memory_bytes();
  }
  catch_up();
  if (cursor_ == log_->history().last_seq()) (void)push(block, block->first_seq());
}

bool Journal::push(BlockPtr block, std::uint64_t from_seq) {
  const std::uint64_t last = block->last_seq();
  const auto index = static_cast<std::size_t>(from_seq - block->first_seq());
  full_ = !thread_.push(std::move(block), index);
  if (full_) return false;
  cursor_ = last;
  idle_ = false;
  return true;
}

void Journal::find_position(std::string source, std::string run,
                            std::function<void(std::optional<std::uint64_t>)> done) {
  log_->seal();
  catch_up();
  std::vector<BlockPtr> not_taken;  // for want of room
  const auto& blocks = log_->history().blocks();
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    if ((*block)->last_seq() <= cursor_) break;
    not_taken.push_back(*block);
  }
  thread_.find_position({std::move(source), std::move(run), 0}, std::move(not_taken),
                        std::move(done));
}

void Journal::write_runs(std::optional<RunChange> change,
                         std::function<void(std::optional<bool>)> done) {
  log_->seal();
  catch_up();
  thread_.write_runs(std::move(change), std::move(done));
}

bool Journal::congested() const {
  return full_ || unwritten_bytes_ > kUncommittedBytesMax;
}

void Journal::stop(std::int64_t patience_us) {
  if (log_ == nullptr || stopped_) return;
  log_->seal();
  pump();
  stopped_ = true;
  thread_.stop(log_->last_seq(), patience_us);
}

std::uint64_t Journal::last_seq() const { return readable_ ? std::max(cursor_, committed_seq_) : 0; }

void Journal::on_progress(const JournalProgress& progress) {
  const TurnPart part("what the journal tells");
  first_seq_ = progress.first_seq;
  committed_seq_ = std::max(committed_seq_, progress.committed_seq);
  for (; !unwritten_.empty() && unwritten_.front().last_seq <= committed_seq_;
       unwritten_.pop_front()) {
    unwritten_bytes_ -= unwritten_.front().bytes;
  }
  readable_ = progress.readable;
  idle_ = progress.idle;
  if (!progress.earlier_epochs.empty()) log_->learn_epochs(progress.earlier_epochs);
  if (!progress.new_holes.empty()) {
    auto holes = holes_ ? *holes_ : std::vector<SeqRange>();
    holes.insert(holes.end(), progress.new_holes.begin(), progress.new_holes.end());
    if (holes.size() > kKnownHolesMax) {
      holes.erase(holes.begin(),
                  holes.begin() + static_cast<std::ptrdiff_t>(holes.size() - kKnownHolesMax));
    }
    holes_ = std::make_shared<const std::vector<SeqRange>>(std::move(holes));
  }
  pump();
  on_progress_();
}

}  // namespace bridge
