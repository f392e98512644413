#include "stream/feed.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "event/messages.h"
#include "event/stream_text.h"
#include "event/ws_frame.h"

namespace bridge {
namespace {

// A feed whose place is gone goes on with about this much of the newest.
constexpr std::size_t kCatchUpBytes = 1024 * 1024;

// A feed whose filter passes little gives way to the others after looking through this much.
constexpr std::size_t kLookedAtBytesMax = 256 * 1024;

// Buffers below this are copied together: a socket takes one buffer of many small blocks more
// cheaply than many, and a client that has several of them waiting is not the common case.
constexpr std::size_t kSmallBufferBytes = 4096;

void join_small_buffers(Outgoing& out, MemoryShare& unread) {
  std::vector<std::shared_ptr<const std::string>> joined;
  for (std::size_t i = 0; i < out.buffers.size();) {
    std::size_t end = i;
    std::size_t bytes = 0;
    while (end < out.buffers.size() && out.buffers[end]->size() < kSmallBufferBytes) {
      bytes += out.buffers[end++]->size();
    }
    if (end - i < 2) {
      joined.push_back(std::move(out.buffers[i++]));
      continue;
    }
    std::string one;
    one.reserve(bytes);
    for (; i < end; ++i) one += *out.buffers[i];
    out.unread_bytes += bytes;
    joined.push_back(counted(std::make_shared<const std::string>(std::move(one)), unread));
  }
  out.buffers = std::move(joined);
}

}  // namespace

Feed::Feed(EventLog& log, Cohorts& cohorts, const Clock& clock, std::function<void()> on_ready,
           bool deflate, bool event_stream)
    : log_(log),
      cohorts_(cohorts),
      on_ready_(std::move(on_ready)),
      deflate_(deflate),
      event_stream_(event_stream),
      clock_(clock) {}

Feed::~Feed() {
  cohorts_.past().forget(this);
  if (cohort_ != nullptr) cohorts_.leave(cohort_, this);
}

std::string Feed::message(std::string_view json) const {
  return event_stream_ ? stream_message(json) : text_frame(json);
}

bool Feed::say(std::string_view json) {
  return say_frames(std::make_shared<const std::string>(message(json)));
}

bool Feed::say_text(std::string json) {
  put_text_frame_header(json);
  return say_frames(std::make_shared<const std::string>(std::move(json)));
}

bool Feed::say_frames(std::shared_ptr<const std::string> frames) {
  if (queued_.size() >= kQueuedMessagesMax || queued_bytes_ > kQueuedMessageBytesMax) return false;
  const std::uint64_t at = queued_.empty() ? 0 : queued_.back().at;
  queued_bytes_ += frames->size();
  queued_.push_back({at, counted(std::move(frames), cohorts_.unread()), nullptr});
  return true;
}

void Feed::give(std::uint64_t to_seq, std::uint64_t after_seq) {
  if (to_seq <= after_seq) return;
  QueuedMessage mark;
  mark.at = queued_.empty() ? 0 : queued_.back().at;
  mark.snapshot_after = after_seq;
  mark.snapshot_to = to_seq;
  queued_.push_back(std::move(mark));
}

Outgoing Feed::pull(std::size_t bytes_max) {
  stop_waiting();
  waiting_for_journal_ = false;
  Outgoing out;
  do {
    take_queued(out, bytes_max);
    take_events(out, bytes_max);
  } while (!queued_.empty() && !queued_.front().open && queued_.front().at <= cursor_ &&
           out.bytes < bytes_max && !out.more);
  if (out.buffers.size() > 1) join_small_buffers(out, cohorts_.unread());
  cohorts_.gave(out.bytes);
  const bool looking_up = !queued_.empty() && queued_.front().open;
  if (out.empty() && !out.more && cohort_ != nullptr && !waiting_for_journal_ && !looking_up) {
    waiting_ = true;
    cohorts_.wait(cohort_, this, cursor_);
  }
  return out;
}

void Feed::take_queued(Outgoing& out, std::size_t bytes_max) {
  std::size_t taken = 0;
  for (; taken < queued_.size() && queued_[taken].at <= cursor_ && out.bytes < bytes_max;
       ++taken) {
    QueuedMessage& mark = queued_[taken];
    if (mark.open || !take_snapshot(out, bytes_max, mark)) break;
    if (mark.subscription) switch_to(mark.subscription);
    if (mark.frame) {
      queued_bytes_ -= mark.frame->size();
      out.bytes += mark.frame->size();
      out.unread_bytes += mark.frame->size();
      out.events += mark.events;
      out.buffers.push_back(mark.frame);
    }
  }
  queued_.erase(queued_.begin(), queued_.begin() + static_cast<std::ptrdiff_t>(taken));
  if (queued_.empty()) queued_.shrink_to_fit();
}

// Takes what is left of the snapshot, if that is what it is, or a part. False where there is more.
bool Feed::take_snapshot(Outgoing& out, std::size_t bytes_max, QueuedMessage& mark) {
  while (mark.snapshot_after < mark.snapshot_to) {
    if (out.more || out.bytes >= bytes_max) return false;
    std::uint64_t work = 0;
    Snapshot::Part part = cohorts_.snapshot(cohort_->subscription(), mark.snapshot_after,
                                            mark.snapshot_to, &work);
    if (account_) account_->charge(work);
    mark.snapshot_after = part.to_seq;
    out.more = part.to_seq < mark.snapshot_to;
    if (!part.frames.bytes) continue;
    out.bytes += part.frames.bytes->size();
    out.unread_bytes += part.frames.bytes->size();
    out.events += part.frames.events;
    out.buffers.push_back(counted(std::move(part.frames.bytes), cohorts_.unread()));
  }
  return true;
}

void Feed::take_events(Outgoing& out, std::size_t bytes_max) {
  if (!queued_.empty() && queued_.front().open) return;
  const std::uint64_t end =
      queued_.empty() ? log_.head() : std::min(queued_.front().at, log_.head());
  std::size_t looked_at = 0;
  while (cursor_ < end && out.bytes < bytes_max) {
    if (cohort_ == nullptr || cohort_->subscription().nothing()) {
      cursor_ = end;
      return;
    }
    if (cohort_->subscription().latest()) return take_latest(out, end);
    const History& history = log_.history();
    if (cursor_ >= history.last_seq()) log_.seal();  // it may have begun within what is not sealed yet
    const std::uint64_t next = cursor_ + 1;
    const bool behind =
        next < history.first_seq() && cursor_ >= resuming_until_ && on_lag_ != OnLag::read_back;
    if (behind || cursor_ < lag_latest_to_) {
      fall_behind(out);
      if (out.give_up || out.more) return;
    } else if (next < history.first_seq()) {
      if (!take_past(out, end, &looked_at)) return;
    } else {
      const BlockPtr block = history.find(next);
      const std::uint64_t last = std::min(cohort_->part_end(*block, next), end);
      Frames frames = cohort_->frames(block, next, last);
      if (last < block->last_seq()) looked_at = kLookedAtBytesMax;
      if (next > live_from_ && frames.events != 0) {
        if (out.live_events == 0) {
          out.live_since_us = block->entry(next - block->first_seq()).timestamp_us;
        }
        out.live_events += frames.events;
      }
      looked_at += put(out, *block, std::move(frames), last);
    }
    if (looked_at >= kLookedAtBytesMax && cursor_ < end) {
      out.more = true;
      return;
    }
  }
}

// Goes up to the cohort's edition, or, where a change of subscription waits, to its place.
void Feed::take_latest(Outgoing& out, std::uint64_t end) {
  if (queued_.empty()) end = cohorts_.latest_until(*cohort_, cursor_);
  if (end > cursor_) put_latest(out, end);
}

// A part of the latest up to `end`.
void Feed::put_latest(Outgoing& out, std::uint64_t end) {
  std::uint64_t work = 0;
  Snapshot::Part part = cohorts_.latest(*cohort_, cursor_, end, &work);
  put(out, std::move(part.frames), part.to_seq);
  out.more = cursor_ < end;
}

// The place of a client that asked for something else than the past is gone.
void Feed::fall_behind(Outgoing& out) {
  if (on_lag_ == OnLag::gap) return skip_to_newest(out);
  if (on_lag_ == OnLag::close) {
    out.give_up = true;
    return;
  }
  if (lag_latest_to_ <= cursor_) lag_latest_to_ = log_.head();
  put_latest(out, queued_.empty() ? lag_latest_to_ : std::min(queued_.front().at, lag_latest_to_));
}

// Returns how many of the block's bytes were looked at for nothing. What is compressed is not known
// by its size, and takes its time.
std::size_t Feed::put(Outgoing& out, const Block& block, Frames frames, std::uint64_t last) {
  const std::size_t looked_at = block.frames().size();
  const std::size_t given =
      frames.bytes && !cohort_->subscription().deflate() ? frames.bytes->size() : 0;
  put(out, std::move(frames), last);
  return looked_at - std::min(looked_at, given);
}

void Feed::put(Outgoing& out, Frames frames, std::uint64_t last) {
  cursor_ = last;
  if (!frames.bytes) return;
  out.bytes += frames.bytes->size();
  out.events += frames.events;
  gaps_ += frames.gaps;
  out.buffers.push_back(std::move(frames.bytes));
}

// Takes what the journal has at the cursor. False where it has yet to be read.
bool Feed::take_past(Outgoing& out, std::uint64_t end, std::size_t* looked_at) {
  const std::uint64_t next = cursor_ + 1;
  const PastCache::Place place = cohorts_.past().look(next, end, this);
  waiting_for_journal_ = place.pending;
  if (place.pending) return false;
  if (!place.block) {
    skip_lost(out, place);
    return true;
  }
  const std::uint64_t last = std::min(cohort_->part_end(*place.block, next), end);
  if (last < place.block->last_seq()) *looked_at = kLookedAtBytesMax;
  *looked_at += put(out, *place.block, cohort_->frames(place.block, next, last), last);
  return true;
}

// The events before the next that is held are neither in memory nor in the journal. A slow client that
// has not even a journal to read from goes on with the newest.
void Feed::skip_lost(Outgoing& out, const PastCache::Place& place) {
  const bool resuming = cursor_ < resuming_until_;
  if (!resuming && cohorts_.past().reader() == nullptr) return skip_to_newest(out);
  skip_to(out, std::min(place.next_held, log_.history().first_seq()),
          place.unreadable ? "unreadable" : resuming ? "evicted" : "slow_client");
}

void Feed::skip_to_newest(Outgoing& out) {
  const auto& blocks = log_.history().blocks();
  std::uint64_t resume_at = log_.history().last_seq() + 1;
  std::size_t bytes = 0;
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    bytes += (*block)->frames().size();
    if (bytes > kCatchUpBytes && block != blocks.rbegin()) break;
    resume_at = (*block)->first_seq();
  }
  skip_to(out, resume_at, "slow_client");
}

void Feed::skip_to(Outgoing& out, std::uint64_t resume_at, std::string_view reason) {
  ++gaps_;
  auto frame = std::make_shared<const std::string>(
      message(gap_message(cursor_ + 1, resume_at - 1, reason, clock_.wall_us())));
  cursor_ = resume_at - 1;
  out.bytes += frame->size();
  out.buffers.push_back(std::move(frame));
}

void Feed::on_past() {
  waiting_for_journal_ = false;
  notify();
}

void Feed::switch_to(const std::shared_ptr<const Subscription>& subscription) {
  Cohort* const next = cohorts_.join(subscription);
  if (cohort_ != nullptr) cohorts_.leave(cohort_, this);
  cohort_ = next;
  // One copy is enough for all who asked in the same words.
  if (subscription == requested_ && next->subscription().same_words(*requested_)) requested_ = next->shared_subscription();
}

void Feed::wake(std::uint64_t checked_seq) {
  cursor_ = std::max(cursor_, checked_seq);
  waiting_ = false;
}

void Feed::stop_waiting() {
  if (!waiting_) return;
  wake(cohort_->checked_seq);
  cohorts_.stop_waiting(cohort_, this);
}

std::optional<std::uint64_t> Feed::position() const {
  if (!waiting_) return std::nullopt;
  return std::max(cursor_, cohort_->checked_seq);
}

std::uint64_t Feed::lag() const {
  const std::uint64_t at = waiting_ ? std::max(cursor_, cohort_->checked_seq) : cursor_;
  return log_.head() - std::min(at, log_.head());
}

}  // namespace bridge
