#include "store/journal_thread.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/limits.h"
#include "base/log.h"

namespace bridge {
namespace {

constexpr std::size_t kGroupBytesMax = 2 * 1024 * 1024;  // written in one transaction
constexpr std::size_t kGroupBytesSoon = 256 * 1024;      // so much does not wait for company
constexpr std::int64_t kGroupUs = 20'000;                // and less no longer than this
constexpr std::int64_t kRetryUs = 1'000'000;

}  // namespace

JournalThread::JournalThread(JournalFileOptions options, const Clock& clock, Listener listener)
    : options_(std::move(options)), clock_(clock), listener_(std::move(listener)) {}

JournalThread::~JournalThread() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }
  thread_.join();
}

void JournalThread::start(std::unique_ptr<JournalFile> file, EpochStart epoch,
                          std::uint64_t last_seq, std::string problem) {
  if (file != nullptr) doubt_clock(*file);
  file_ = std::move(file);
  epochs_ = {std::move(epoch)};
  written_seq_ = last_seq;
  queued_seq_ = last_seq;
  set_problem(problem);
  publish();
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "journal");
    run();
  });
}

void JournalThread::begin_epoch(EpochStart epoch) {
  const std::lock_guard<std::mutex> lock(mutex_);
  new_epochs_.push_back(std::move(epoch));
}

bool JournalThread::push(BlockPtr block, std::size_t index) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (queue_bytes_ > kJournalQueueBytesMax) return false;
  const bool was_empty = queue_.empty();
  queue_bytes_ += block->memory_bytes();
  queued_seq_ = block->last_seq();
  JournalItem item;
  item.block = std::move(block);
  item.index = index;
  queue_.push_back(std::move(item));
  if (was_empty || queue_bytes_ >= kGroupBytesSoon) wake_.notify_one();
  return true;
}

void JournalThread::stop(std::uint64_t last_seq, std::int64_t patience_us) {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    clean_ = true;
    stop_seq_ = last_seq;
    stop_by_us_ = clock_.steady_us() + patience_us;
    wake_.notify_one();
  }
  thread_.join();
}

JournalStatus JournalThread::status() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  JournalStatus status = status_;
  status.queue_bytes = queue_bytes_;
  return status;
}

// REQUIRES: the lock is held, as for next_due_us().
bool JournalThread::write_due(std::int64_t now_us) const {
  if (group_.empty() && queue_.empty()) return false;
  if (!problem_.empty()) return now_us >= retry_at_us_;
  return reader_waits_ || options_.sync_each_commit || queue_bytes_ >= kGroupBytesSoon ||
         now_us >= last_commit_us_ + kGroupUs;
}

std::int64_t JournalThread::next_due_us(std::int64_t now_us) const {
  std::int64_t due = std::min(look_after_at_us_, pack_at_us_);
  if (!problem_.empty()) {
    due = std::min(due, retry_at_us_);
  } else if (!asked_ || !queue_.empty()) {
    due = std::min(due, last_commit_us_ + kGroupUs);
  }
  return std::max(due, now_us);
}

void JournalThread::run() {
  for (;;) {
    bool write = false;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      for (;;) {
        const std::int64_t now = clock_.steady_us();
        write = write_due(now);
        const bool ask = !asked_ && problem_.empty() && queue_.empty() && group_.empty() &&
                         (options_.sync_each_commit || now >= last_commit_us_ + kGroupUs);
        const bool retry = !problem_.empty() && now >= retry_at_us_;
        if (write || ask || retry || stopping_ || !requests_.empty() || past_is_behind_ ||
            now >= look_after_at_us_ || now >= pack_at_us_) {
          break;
        }
        wake_.wait_for(lock, std::chrono::microseconds(next_due_us(now) - now + 1));
      }
      if (stopping_) break;
      if (new_limits_) take_limits();
      if (write) take_group();
    }
    if (!problem_.empty() && clock_.steady_us() >= retry_at_us_) {
      if (file_ == nullptr) reopen();
      if (file_ != nullptr && group_.empty()) set_problem("");
    }
    if (write && file_ != nullptr) write_group();
    serve_requests();
    fold_past();
    pack();
    trim();
    ask_for_more();
  }
  finish();
}

void JournalThread::set_limits(const JournalLimits& limits) {
  const std::lock_guard<std::mutex> lock(mutex_);
  new_limits_ = limits;
}

// REQUIRES: the lock is held.
void JournalThread::take_limits() {
  new_limits_->put_into(&options_);
  if (file_ != nullptr) file_->set_limits(*new_limits_);
  new_limits_.reset();
  pack_at_us_ = 0;
}

// REQUIRES: the lock is held.
void JournalThread::take_group() {
  epochs_.insert(epochs_.end(), new_epochs_.begin(), new_epochs_.end());
  new_epochs_.clear();
  while (!queue_.empty() && group_bytes_ < kGroupBytesMax) {
    group_bytes_ += queue_.front().block->memory_bytes();
    group_.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
}

// Notes this process's epochs that have begun by `last_seq`. False where it cannot.
bool JournalThread::begin_epochs(JournalFile& file, std::uint64_t last_seq) {
  for (; epochs_begun_ < epochs_.size() && epochs_[epochs_begun_].first_seq <= last_seq;
       ++epochs_begun_) {
    const auto begun = file.begin_epoch(epochs_[epochs_begun_], clock_.wall_us());
    if (begun) continue;
    write_failed(begun.error());
    return false;
  }
  return true;
}

// Events between what is written and `to_seq` never reached this thread.
void JournalThread::add_hole(std::uint64_t to_seq, std::vector<JournalItem>* items) {
  JournalItem hole;
  hole.hole = {written_seq_ + 1, to_seq};
  hole.reason = "not written in time";
  items->push_back(std::move(hole));
}

void JournalThread::write_group() {
  const std::int64_t began = clock_.steady_us();
  if (!watch_log() || !begin_epochs(*file_, group_.back().block->last_seq())) return;
  std::vector<JournalItem> items;
  items.reserve(group_.size() + 1);
  std::uint64_t rows = 0;
  std::vector<SeqRange> holes;
  const std::uint64_t written_before = written_seq_;
  for (JournalItem& item : group_) {
    if (item.block->last_seq() <= written_seq_) continue;  // it was, though the commit seemed to fail
    if (item.block->seq(item.index) <= written_seq_) {
      item.index = static_cast<std::size_t>(written_seq_ + 1 - item.block->first_seq());
    }
    const std::uint64_t first = item.block->seq(item.index);
    if (first > written_seq_ + 1) {
      add_hole(first - 1, &items);
      holes.push_back(items.back().hole);
    }
    items.push_back(item);
    rows += item.block->size() - item.index;
    written_seq_ = item.block->last_seq();
  }
  const auto done = file_->append(items, clock_.wall_us());
  if (!done) {
    written_seq_ = written_before;
    write_failed(done.error());
    return;
  }
  const std::int64_t took = clock_.steady_us() - began;
  counts_.rows += rows;
  ++counts_.commits;
  counts_.commit_us += took;
  counts_.commit_us_max = std::max(counts_.commit_us_max, took);
  for (const SeqRange& hole : holes) {
    ++counts_.holes;
    counts_.events_in_holes += hole.to - hole.from + 1;
    new_holes_.push_back(hole);
    log_warn("journal_hole", "journal: events {} to {} were not written in time and are missing in it",
                 hole.from, hole.to);
  }
  rows_since_trim_ += rows;
  group_.clear();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    queue_bytes_ -= group_bytes_;
  }
  group_bytes_ = 0;
  last_commit_us_ = began;
  asked_ = false;
  set_problem("");
  publish();
}

void JournalThread::write_failed(const JournalFailure& failure) {
  ++counts_.errors;
  if (!failure.may_pass) file_.reset();
  retry_at_us_ = clock_.steady_us() + kRetryUs;
  set_problem(failure.message);
  publish();
}

void JournalThread::set_problem(const std::string& problem) {
  if (problem == problem_) return;
  if (!problem.empty()) {
    log_error("journal_failed", "journal: {}; {}", problem,
                  options_.sync_each_commit ? "events wait until it can be written"
                                            : "events are delivered but not kept");
  } else {
    log_info("journal_written", "journal: it is written again");
  }
  problem_ = problem;
  publish();
}

void JournalThread::ask_for_more() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (asked_ || !problem_.empty() || !queue_.empty() || !group_.empty() ||
        (!options_.sync_each_commit && clock_.steady_us() < last_commit_us_ + kGroupUs)) {
      return;
    }
  }
  asked_ = true;
  publish();
}

// Brings the status up to date and tells main where something has changed.
void JournalThread::publish() {
  counts_.problem = problem_;
  counts_.first_seq = file_ != nullptr ? file_->first_seq() : written_seq_ + 1;
  counts_.committed_seq = file_ != nullptr ? file_->last_row_seq() : written_seq_;
  if (file_ != nullptr) {
    counts_.file_bytes = file_->bytes();
    counts_.wal_bytes = file_->wal_bytes();
    counts_.runs_memory_bytes = file_->runs_memory_bytes();
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    status_ = counts_;
  }
  JournalProgress progress;
  progress.readable = file_ != nullptr;
  progress.idle = asked_;
  progress.first_seq = counts_.first_seq;
  progress.committed_seq = counts_.committed_seq;
  const bool changed = progress.readable != last_progress_.readable ||
                       progress.idle != last_progress_.idle || !new_holes_.empty() ||
                       progress.first_seq != last_progress_.first_seq ||
                       progress.committed_seq != last_progress_.committed_seq;
  if (!changed) return;
  last_progress_ = progress;
  progress.new_holes = std::move(new_holes_);
  new_holes_.clear();
  progress.earlier_epochs = std::exchange(earlier_epochs_, {});
  listener_.post([this, progress = std::move(progress)] { listener_.on_progress(progress); });
}

void JournalThread::finish() {
  bool clean = false;
  std::deque<Request> requests;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    clean = clean_;
    requests.swap(requests_);
  }
  for (const Request& request : requests) {
    if (request.at_end) (void)request.serve();
  }
  while (clean && file_ != nullptr) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (clock_.steady_us() >= stop_by_us_) break;
      take_group();
    }
    if (group_.empty()) break;
    write_group();
    if (!problem_.empty()) break;
  }
  if (!clean || file_ == nullptr) return;
  if (stop_seq_ > written_seq_) {
    std::vector<JournalItem> hole;
    add_hole(stop_seq_, &hole);
    if (!file_->append(hole, clock_.wall_us())) return;
    log_warn("journal_hole", "journal: events {} to {} were not written in time and are missing in it",
                 hole.front().hole.from, hole.front().hole.to);
  }
  (void)file_->flush_runs();
  const auto ended = file_->end_epoch();
  if (!ended) log_error("journal_failed", "journal: {}", ended.error().message);
  file_.reset();
}

}  // namespace bridge
