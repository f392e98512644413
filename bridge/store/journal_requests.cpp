// What the journal's thread reads for others, between two groups that it writes.

#include <algorithm>
#include <utility>

#include "store/journal_thread.h"

#include "base/log.h"

namespace bridge {
namespace {

constexpr std::int64_t kReadTurnUs = 5'000;       // of reading between two groups
constexpr std::size_t kReadBlocks = 1;  // for one request: small, for live work waits for a CPU meanwhile
constexpr std::uint64_t kSkipAtFirst = 1024;  // events, where they cannot be read
constexpr std::int64_t kLogReadsUs = 1'000'000;

}  // namespace

void JournalThread::add_request(std::function<bool()> serve, bool behind_queue, bool at_end) {
  const std::lock_guard<std::mutex> lock(mutex_);
  requests_.push_back({std::move(serve), behind_queue ? queued_seq_ : 0, at_end});
  wake_.notify_one();
}

void JournalThread::read(std::uint64_t seq, bool back,
                         std::function<void(PastReader::Slice)> done) {
  add_request([this, seq, back, done = std::move(done)] {
    if (file_ != nullptr && seq > file_->last_row_seq() && can_wait_for(seq)) return false;
    listener_.post([done, slice = read_slice(seq, back)] { done(slice); });
    return true;
  });
}

void JournalThread::find_time(std::int64_t timestamp_us,
                              std::function<void(std::uint64_t)> done) {
  add_request([this, timestamp_us, done = std::move(done)] {
    std::uint64_t seq = 0;
    if (file_ != nullptr) {
      const auto found = file_->first_seq_since(timestamp_us);
      if (found) seq = found.value();
    }
    listener_.post([done, seq] { done(seq); });
    return true;
  });
}

void JournalThread::find_last(LookBack look_back, std::function<void(std::uint64_t, bool)> done) {
  add_request([this, wanted = std::move(look_back), done = std::move(done)]() mutable { return this->look_back(wanted, done); });
}

void JournalThread::find_types(TypeSearch search, std::function<void(const TypeStretch&)> done) {
  add_request([this, search = std::move(search), found = TypeStretch(), done = std::move(done)]() mutable {
    TypeStretch all{std::min(search.at, search.bound), std::max(search.at, search.bound), 0, 0};  // where it cannot be read
    if (file_ != nullptr && !search.asker.expired()) {
      const auto ended = file_->find_types(&search, &found);
      if (ended && !ended.value()) return false;
      if (ended) all = found;
    }
    listener_.post([done, all] { done(all); });
    return true;
  });
}

void JournalThread::find_position(SourcePosition run, std::vector<BlockPtr> newest,
                                  std::function<void(std::optional<std::uint64_t>)> done) {
  add_request([this, run = std::move(run), newest = std::move(newest), done = std::move(done)] {
    listener_.post([done, found = look_up_position(run, newest)] { done(found); });
    return true;
  }, true);
}

void JournalThread::keep(std::vector<KeptRow> rows, std::function<void(bool)> done) {
  // At the end too: a switch that was disarmed last must not be armed again at the next start.
  add_request([this, rows = std::move(rows), done = std::move(done)] {
    listener_.post([done, kept = file_ != nullptr && file_->keep(rows).ok()] { done(kept); });
    return true;
  }, false, true);
}

void JournalThread::write_runs(std::optional<RunChange> change,
                               std::function<void(std::optional<bool>)> done) {
  add_request([this, change = std::move(change), done = std::move(done)] {
    std::optional<bool> result;
    if (file_ != nullptr && problem_.empty()) {
      const auto written = change ? file_->set_run(*change) : file_->flush_runs();
      if (written) {
        result = written.value();
      } else {
        write_failed(written.error());
      }
    }
    listener_.post([done, result] { done(result); });
    return true;
  }, true);
}

void JournalThread::serve_requests() {
  const std::int64_t end = clock_.steady_us() + kReadTurnUs;
  std::size_t waiting = 0;
  reader_waits_ = false;
  do {
    Request request;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (requests_.size() <= waiting) return;
      request = std::move(requests_.front());
      requests_.pop_front();
    }
    // What is still to be written counts: where the file gives trouble it is not waited for.
    const bool waits = file_ != nullptr && request.behind > written_seq_ && can_wait_for(request.behind);
    if (!waits && request.serve()) continue;
    ++waiting;
    reader_waits_ = true;
    const std::lock_guard<std::mutex> lock(mutex_);
    requests_.push_back(std::move(request));
  } while (clock_.steady_us() < end);
}

// Where it fails, what lies behind the place may still be readable: looks twice as far each time.
PastReader::Slice JournalThread::read_slice(std::uint64_t seq, bool back) {
  PastReader::Slice slice;
  slice.unreadable = file_ == nullptr;
  for (std::uint64_t skipped = kSkipAtFirst; file_ != nullptr; skipped *= 2) {
    auto read = back ? file_->read_back(seq) : file_->read(seq, kReadBlocks);
    if (read) {
      slice.blocks = std::move(read.value());
      counts_.blocks_read += slice.blocks.size();
      break;
    }
    slice.unreadable = true;
    read_failed(read.error(), seq);
    if (const SeqRange& damaged = read.error().damaged; damaged.from <= damaged.to) {  // no more than that
      if (back ? damaged.from <= file_->first_seq() : damaged.to >= file_->last_row_seq()) break;
      seq = back ? damaged.from - 1 : damaged.to + 1;
      skipped /= 2;
      continue;
    }
    const std::uint64_t left = back ? seq - std::min(seq, file_->first_seq())
                                            : file_->last_row_seq() - std::min(seq, file_->last_row_seq());
    if (left < skipped) break;
    seq = back ? seq - skipped : seq + skipped;
  }
  return slice;
}

// With what is still to be written, where that was not waited for.
std::optional<std::uint64_t> JournalThread::look_up_position(const SourcePosition& run, std::vector<BlockPtr> blocks) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (auto item = queue_.rbegin(); item != queue_.rend(); ++item) blocks.push_back(item->block);
  }
  for (auto item = group_.rbegin(); item != group_.rend(); ++item) blocks.push_back(item->block);
  std::optional<std::uint64_t> found;
  for (const BlockPtr& block : blocks) {
    for (std::size_t i = block->size(); i > 0 && !found; --i) {
      const EventEntry& event = block->entry(i - 1);
      if (event.source_seq == 0 || block->text(event.source) != run.source ||
          block->text(event.run) != run.run) {
        continue;
      }
      found = event.source_seq;
    }
    if (found) break;
  }
  if (file_ != nullptr) {
    const auto written = file_->find_position(run.source, run.run);
    if (!written) {
      read_failed(written.error(), written_seq_);
    } else if (written.value()) {
      found = std::max(found.value_or(0), *written.value());
    }
  }
  return found;
}

void JournalThread::read_failed(const JournalFailure& failure, std::uint64_t seq) {
  ++counts_.errors;
  const std::int64_t now = clock_.steady_us();
  if (now < log_reads_at_us_) return;
  log_reads_at_us_ = now + kLogReadsUs;
  log_error("journal_read_failed", "journal: cannot be read at seq {}: {}", seq, failure.message);
}

// One step back through the log; other requests and writes come between two.
bool JournalThread::look_back(LookBack& wanted, const std::function<void(std::uint64_t, bool)>& done) {
  const auto answer = [&](std::uint64_t after, bool reached) {
    listener_.post([done, after, reached] { done(after, reached); });
    return true;
  };
  const std::vector<std::string>& types = wanted.subscription->patterns();
  if (file_ != nullptr && !wanted.asker.expired() && wanted.before_seq > file_->first_seq() &&
      std::find(types.begin(), types.end(), "*") == types.end()) {
    TypeSearch search{types, wanted.before_seq - 1, file_->first_seq(), true, {}};
    TypeStretch found;
    const auto ended = file_->find_types(&search, &found);
    wanted.before_seq = ended && ended.value() ? found.to + 1 : search.at + 1;
    if (ended && !ended.value()) return false;
  }
  PastReader::Slice slice;
  if (!wanted.asker.expired()) slice = read_slice(wanted.before_seq - 1, true);
  if (slice.blocks.empty()) return answer(wanted.before_seq - 1, false);
  for (auto block = slice.blocks.rbegin(); block != slice.blocks.rend(); ++block) {
    for (std::size_t i = (*block)->size(); i > 0; --i) {
      const std::uint64_t seq = (*block)->seq(i - 1);
      if (seq >= wanted.before_seq || !wanted.subscription->matches(**block, i - 1)) continue;
      if (--wanted.count == 0) return answer(seq - 1, true);
    }
  }
  wanted.before_seq = slice.blocks.front()->first_seq();
  return false;
}

// A turn of what the runs and the types lack of older events; writes and requests come between two.
void JournalThread::fold_past() {
  const std::int64_t end = clock_.steady_us() + kReadTurnUs;
  past_is_behind_ = file_ != nullptr && problem_.empty() && file_->past_is_behind();
  while (past_is_behind_ && clock_.steady_us() < end) {
    const auto more = file_->fold_past();
    past_is_behind_ = more && more.value();
    if (!more) write_failed(more.error());
  }
}

// Whether an event that is not written yet will be, by and by.
bool JournalThread::can_wait_for(std::uint64_t seq) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return problem_.empty() && seq <= queued_seq_ && !(queue_.empty() && group_.empty());
}

}  // namespace bridge
