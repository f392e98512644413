#include "core/feed.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "event/messages.h"
#include "event/ws_frame.h"

namespace bridge {
namespace {

// A feed whose place is gone goes on with about this much of the newest.
constexpr std::size_t kCatchUpBytes = 1024 * 1024;

// A feed whose filter passes little gives way to the others after looking through this much.
constexpr std::size_t kLookedAtBytesMax = 4 * 1024 * 1024;

// Buffers below this are copied together: a socket takes one buffer of many small blocks more cheaply
// than many, and a client that has several of them waiting is not the common case.
constexpr std::size_t kSmallBufferBytes = 4096;

void join_small_buffers(Outgoing& out) {
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
    joined.push_back(std::make_shared<const std::string>(std::move(one)));
  }
  out.buffers = std::move(joined);
}

}  // namespace

Feed::Feed(EventLog& log, Hub& hub, const Clock& clock, std::function<void()> on_ready)
    : log_(log), hub_(hub), clock_(clock), on_ready_(std::move(on_ready)) {}

Feed::~Feed() {
  if (cohort_ != nullptr) hub_.leave(cohort_, this);
}

SubscribeOutcome Feed::subscribe(Subscription subscription, const std::optional<Since>& since) {
  stop_waiting();
  SubscribeOutcome outcome;
  outcome.seq = log_.last_seq();
  requested_ = std::make_shared<const Subscription>(std::move(subscription));
  if (!since) {
    if (cohort_ == nullptr && marks_.empty()) cursor_ = outcome.seq;
    marks_.push_back({outcome.seq, nullptr, requested_});
    return outcome;
  }

  // A fresh start: replies that still wait keep their order but no longer wait for events.
  log_.seal();
  for (Mark& mark : marks_) mark.at = 0;
  const History& history = log_.history();
  const std::uint64_t oldest = history.first_seq();
  bool recovered = true;
  std::uint64_t lost_from = 1;
  switch (since->kind) {
    case Since::Kind::position:
      recovered = since->epoch == log_.epoch() && since->seq + 1 >= oldest;
      if (since->epoch == log_.epoch()) lost_from = since->seq + 1;
      cursor_ = recovered ? since->seq : oldest - 1;
      break;
    case Since::Kind::last:
      cursor_ = seq_before_last(since->last, &recovered);
      break;
    case Since::Kind::seconds: {
      const double cutoff = static_cast<double>(clock_.wall_us()) - since->seconds * 1e6;
      cursor_ = history.first_seq_since(static_cast<std::int64_t>(std::max(cutoff, 0.0))) - 1;
      recovered = cursor_ >= oldest || oldest == 1;
      break;
    }
  }
  outcome.recovered = recovered;
  marks_.push_back({0, nullptr, requested_});
  if (!recovered) {
    ++gaps_;
    outcome.gap = gap_message(lost_from, oldest - 1, "evicted", clock_.wall_us());
  }
  return outcome;
}

std::uint64_t Feed::seq_before_last(std::uint64_t count, bool* reached) const {
  const auto& blocks = log_.history().blocks();
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    for (std::size_t i = (*block)->size(); i > 0; --i) {
      if (count == 0) return (*block)->seq(i - 1);
      if (requested_->everything() || requested_->matches(**block, i - 1)) --count;
    }
  }
  const std::uint64_t oldest = log_.history().first_seq();
  *reached = count == 0 || oldest == 1;
  return oldest - 1;
}

bool Feed::say(std::string_view json) {
  if (marks_.size() >= kStreamMarksMax || mark_bytes_ > kStreamMarkBytesMax) return false;
  const std::uint64_t at = marks_.empty() ? 0 : marks_.back().at;
  marks_.push_back({at, std::make_shared<const std::string>(text_frame(json)), nullptr});
  mark_bytes_ += marks_.back().frame->size();
  return true;
}

Outgoing Feed::pull(std::size_t bytes_max) {
  stop_waiting();
  Outgoing out;
  do {
    take_marks(out);
    take_events(out, bytes_max);
  } while (!marks_.empty() && marks_.front().at <= cursor_);
  if (out.buffers.size() > 1) join_small_buffers(out);
  if (out.empty() && !out.more && cohort_ != nullptr) {
    waiting_ = true;
    hub_.wait(cohort_, this, cursor_);
  }
  return out;
}

void Feed::take_marks(Outgoing& out) {
  std::size_t taken = 0;
  for (; taken < marks_.size() && marks_[taken].at <= cursor_; ++taken) {
    const Mark& mark = marks_[taken];
    if (mark.subscription) switch_to(*mark.subscription);
    if (mark.frame) {
      mark_bytes_ -= mark.frame->size();
      out.bytes += mark.frame->size();
      out.buffers.push_back(mark.frame);
    }
  }
  marks_.erase(marks_.begin(), marks_.begin() + static_cast<std::ptrdiff_t>(taken));
  if (marks_.empty()) marks_.shrink_to_fit();
}

void Feed::take_events(Outgoing& out, std::size_t bytes_max) {
  const std::uint64_t end = marks_.empty() ? log_.last_seq() : marks_.front().at;
  std::size_t looked_at = 0;
  while (cursor_ < end && out.bytes < bytes_max) {
    if (cohort_ == nullptr || cohort_->subscription().nothing()) {
      cursor_ = end;
      return;
    }
    const History& history = log_.history();
    if (cursor_ == history.last_seq()) log_.seal();
    const std::uint64_t next = cursor_ + 1;
    if (next < history.first_seq()) {
      skip_lost(out);
      continue;
    }
    const BlockPtr block = history.find(next);
    const std::uint64_t last = std::min(block->last_seq(), end);
    Frames frames = cohort_->frames(block, next, last);
    cursor_ = last;
    if (frames.events != 0) {
      out.bytes += frames.bytes->size();
      out.events += frames.events;
      out.buffers.push_back(std::move(frames.bytes));
    }
    looked_at += block->frames().size();
    if (looked_at >= kLookedAtBytesMax && cursor_ < end) {
      out.more = true;
      return;
    }
  }
}

void Feed::skip_lost(Outgoing& out) {
  const auto& blocks = log_.history().blocks();
  std::uint64_t resume_at = log_.history().last_seq() + 1;
  std::size_t bytes = 0;
  for (auto block = blocks.rbegin(); block != blocks.rend(); ++block) {
    bytes += (*block)->frames().size();
    if (bytes > kCatchUpBytes && block != blocks.rbegin()) break;
    resume_at = (*block)->first_seq();
  }
  ++gaps_;
  auto frame = std::make_shared<const std::string>(
      text_frame(gap_message(cursor_ + 1, resume_at - 1, "slow_client", clock_.wall_us())));
  cursor_ = resume_at - 1;
  out.bytes += frame->size();
  out.buffers.push_back(std::move(frame));
}

void Feed::switch_to(const Subscription& subscription) {
  Cohort* const next = hub_.join(subscription);
  if (cohort_ != nullptr) hub_.leave(cohort_, this);
  cohort_ = next;
}

void Feed::wake(std::uint64_t checked_seq) {
  cursor_ = std::max(cursor_, checked_seq);
  waiting_ = false;
}

void Feed::stop_waiting() {
  if (!waiting_) return;
  wake(cohort_->checked_seq);
  hub_.stop_waiting(cohort_, this);
}

std::uint64_t Feed::lag() const {
  const std::uint64_t at = waiting_ ? std::max(cursor_, cohort_->checked_seq) : cursor_;
  return log_.last_seq() - std::min(at, log_.last_seq());
}

}  // namespace bridge
