// What the journal's thread does for its file besides writing and reading: opens it anew, trims it, and keeps
// SQLite's log small.

#include <sys/statvfs.h>

#include <algorithm>
#include <string>
#include <utility>

#include "store/journal_thread.h"

#include "base/log.h"

namespace bridge {
namespace {

constexpr std::int64_t kReopenUs = 1'000'000;
constexpr std::int64_t kEmptyLogUs = 1'000'000;
constexpr std::int64_t kLookAfterUs = 1'000'000;  // age, size, whether the file is still there
constexpr std::uint64_t kTrimRowsMin = 1024;
constexpr std::int64_t kPackAgainUs = 1'000'000;  // where there was nothing to pack
constexpr std::int64_t kPackSoonUs = 5'000;        // where somebody waits
constexpr std::int64_t kPackRest = 3;             // so many times as long as it took it rests: a quarter of a core at most

}  // namespace

void JournalThread::reopen() {
  retry_at_us_ = clock_.steady_us() + kReopenUs;
  auto opened = JournalFile::open(options_);
  if (!opened) {
    ++counts_.errors;
    set_problem(opened.error().message);
  } else if (take_over(std::move(opened.value()))) {
    set_problem("");
  }
  publish();
}

// Whether the bridge was away since the newest event, or the clock is ahead, cannot be told from each other.
void JournalThread::doubt_clock(const JournalFile& file) {
  const std::int64_t stamp_us = file.contents().last_stamp_us;
  if (stamp_us != 0) wall_.doubt(clock_.wall_us() - stamp_us, clock_.steady_us());
}

// A file that comes late must not hold numbers that this process has given to other events.
bool JournalThread::take_over(std::unique_ptr<JournalFile> file) {
  const JournalContents& contents = file->contents();
  const std::uint64_t before = epochs_.front().first_seq - 1;
  const bool ours = !contents.epochs.empty() &&
                    std::any_of(epochs_.begin(), epochs_.end(), [&](const EpochStart& e) {
                      return e.epoch == contents.epochs.back().epoch;
                    });
  if (!ours && contents.last_seq > before) {
    set_problem(options_.path + ": it holds events up to " + std::to_string(contents.last_seq) +
                " of another numbering; it will be gone on with when the bridge is started again");
    return false;
  }
  const std::vector<EpochStart> earlier = ours ? std::vector<EpochStart>() : contents.epochs;
  std::vector<SeqRange> holes = ours ? std::vector<SeqRange>() : contents.holes;
  // First, so that it is not forgotten where the next step fails.
  if (!earlier.empty() && contents.last_seq < before) {
    JournalItem jump;
    jump.hole = {contents.last_seq + 1, before};
    jump.reason = "numbers not used: the bridge started without the journal";
    const auto noted = file->append({jump}, clock_.wall_us());
    if (!noted) {
      ++counts_.errors;
      set_problem(noted.error().message);
      return false;
    }
    holes.push_back(jump.hole);
  }
  epochs_begun_ = 0;
  if (!begin_epochs(*file, std::max(contents.last_seq, before) + 1)) return false;
  earlier_epochs_ = earlier;
  new_holes_.insert(new_holes_.begin(), holes.begin(), holes.end());
  // What it lacks of this process's events, the next write notes as a hole.
  written_seq_ = ours ? contents.last_seq : before;
  doubt_clock(*file);
  file_ = std::move(file);
  return true;
}

// SQLite's log cannot be emptied while somebody reads in one transaction. It is told when it is large, and
// nothing more is written while it takes as much as the journal itself may. False then.
bool JournalThread::watch_log() {
  const std::int64_t now = clock_.steady_us();
  if (now < empty_log_at_us_) return true;
  std::uint64_t bytes = file_->wal_bytes();
  if (bytes > options_.log_bytes_max / 4) {
    empty_log_at_us_ = now + kEmptyLogUs;
    if (file_->empty_log()) bytes = 0;
  }
  const bool held = bytes > options_.log_bytes_max;
  if (held && !counts_.wal_is_held) {
    ++counts_.wal_held;
    log_warn("journal_wal_held", "journal: {}-wal has grown to {} bytes: another program reads it in one transaction",
                 options_.path, bytes);
  }
  counts_.wal_is_held = held;
  if (bytes <= std::max(options_.log_bytes_max, options_.bytes_max)) return true;
  write_failed({options_.path + "-wal has grown to " + std::to_string(bytes) +
                    " bytes: another program reads it in one transaction, which must end",
                true});
  return false;
}

// A piece, where nobody waits: for some milliseconds, once a second or so while events come at a few hundred a second.
void JournalThread::pack() {
  const std::int64_t now = clock_.steady_us();
  if (now < pack_at_us_) return;
  pack_at_us_ = options_.compress_after_us == 0 ? INT64_MAX : now + kPackAgainUs;
  if (file_ == nullptr || !problem_.empty() || options_.compress_after_us == 0 || counts_.wal_is_held) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!requests_.empty() || write_due(now)) {
      pack_at_us_ = now + kPackSoonUs;
      return;
    }
  }
  const std::int64_t wall = clock_.wall_us();
  wall_.observe(wall, now);
  const auto more = file_->pack(wall - wall_.doubted_us());
  const std::int64_t took = clock_.steady_us() - now;
  if (!more) {
    read_failed(more.error(), file_->first_seq());
    return;
  }
  if (!more.value()) return;
  ++counts_.pieces_packed;
  counts_.packing_us += took;
  pack_at_us_ = now + (1 + kPackRest) * took;
}

void JournalThread::watch_disk() {
  struct statvfs disk {};
  const std::size_t slash = options_.path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : options_.path.substr(0, slash + 1);
  if (::statvfs(folder.c_str(), &disk) != 0) return;
  counts_.disk_free_bytes = std::uint64_t{disk.f_bavail} * disk.f_frsize;
}

// How long the journal will hold, and that it is less than was wished for.
void JournalThread::foresee() {
  counts_.bytes_max = options_.bytes_max;
  counts_.age_max_us = options_.age_max_us;
  if (file_ == nullptr) return;
  const std::int64_t now = clock_.steady_us();
  counts_.packed = file_->packed_sums();
  retention_.observe(counts_.rows, file_->rows(), file_->events_bytes(), options_.bytes_max, counts_.disk_free_bytes, now,
                     {counts_.packed.events, counts_.packed.packed_bytes, options_.compress_after_us});
  counts_.events_per_s = retention_.events_per_s();
  counts_.event_bytes = retention_.event_bytes();
  counts_.holds_s = retention_.holds_s();
  if (!retention_.became_short(options_.age_max_us, now)) return;
  log_warn("journal_short",
           "journal: at {:.0f} events/s of {:.0f} bytes it holds {:.0f} s, less than journal.age_max_s ({}): a larger "
           "journal.bytes_max (now {}) or disk ({} bytes free) would hold more",
           counts_.events_per_s, counts_.event_bytes, *counts_.holds_s, options_.age_max_us / 1'000'000, options_.bytes_max,
           counts_.disk_free_bytes);
}

void JournalThread::trim() {
  const std::int64_t now = clock_.steady_us();
  const bool look_after = now >= look_after_at_us_;
  if (look_after) {
    look_after_at_us_ = now + kLookAfterUs;
    watch_disk();
    foresee();
  }
  if (file_ == nullptr || (!look_after && rows_since_trim_ < kTrimRowsMin)) return;
  if (look_after && !file_->in_place()) {
    file_.reset();
    retry_at_us_ = now;
    set_problem(options_.path + ": it was moved or deleted");
    return;
  }
  if (counts_.wal_is_held) return;  // deleting would make it grow
  // Twice what came in goes, so a file over its size shrinks however busy the bridge is.
  const std::int64_t wall = clock_.wall_us();
  wall_.observe(wall, now);
  const auto removed =
      file_->trim(std::max(kTrimRowsMin, 2 * rows_since_trim_), wall - wall_.doubted_us());
  rows_since_trim_ = 0;
  if (!removed) {
    ++counts_.errors;
  } else if (removed.value() != 0) {
    counts_.rows_trimmed += removed.value();
    look_after_at_us_ = now;  // there may be more
  }
  if (look_after) {
    const auto more = file_->trim_runs(wall - wall_.doubted_us());
    if (more && more.value()) look_after_at_us_ = now;
  }
  if (look_after || (removed && removed.value() != 0)) publish();
}

}  // namespace bridge
