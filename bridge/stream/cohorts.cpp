#include "stream/cohorts.h"

#include <algorithm>

#include "stream/feed.h"

namespace bridge {
namespace {

constexpr std::int64_t kGatherUs =
    1'000;  // between two passes while somebody reads from the journal
constexpr std::int64_t kPastReaderUs = 5'000;  // he counts as reading for so long after a block

}  // namespace

Cohort* Cohorts::join(const std::shared_ptr<const Subscription>& subscription) {
  std::unique_ptr<Cohort>& cohort = cohorts_[subscription->key()];
  if (!cohort) {
    cohort = std::make_unique<Cohort>(subscription, kept_, deflater_of(*subscription));
    cohort->edition_seq = log_.head();
    if (subscription->latest()) ++latest_cohorts_;
    if (subscription->deflate()) ++deflate_cohorts_;
  }
  ++cohort->feeds;
  return cohort.get();
}

void Cohorts::leave(Cohort* cohort, Feed* feed) {
  stop_waiting(cohort, feed);
  if (--cohort->feeds != 0) return;
  if (cohort->subscription().latest()) --latest_cohorts_;
  if (cohort->subscription().deflate() && --deflate_cohorts_ == 0) deflater_.release();
  cohorts_.erase(cohort->subscription().key());
}

void Cohorts::wait(Cohort* cohort, Feed* feed, std::uint64_t seq) {
  // Others may wait that were not told yet of what this one has: for them it must still be looked
  // at.
  if (cohort->waiting.empty() && !cohort->subscription().latest()) {
    cohort->checked_seq = std::max(cohort->checked_seq, seq);
  }
  cohort->waiting.push_back(feed);
}

void Cohorts::stop_waiting(Cohort* cohort, Feed* feed) {
  auto& waiting = cohort->waiting;
  const auto it = std::find(waiting.begin(), waiting.end(), feed);
  if (it != waiting.end()) {
    *it = waiting.back();
    waiting.pop_back();
  }
  std::replace(waking_.begin(), waking_.end(), feed, static_cast<Feed*>(nullptr));
}

bool Cohorts::something_passes(Cohort& cohort) {
  // A cohort that slept through an eviction has nothing to look back at: its feeds will see the
  // gap.
  while (cohort.checked_seq < log_.head()) {
    const std::uint64_t next = cohort.checked_seq + 1;
    const BlockPtr block = log_.history().find(next);
    if (!block) return true;
    const std::uint64_t last = std::min(block->last_seq(), log_.head());
    if (cohort.frames(block, next, last).bytes) return true;
    cohort.checked_seq = last;
  }
  return false;
}

void Cohorts::wake_waiting(Cohort& cohort) {
  for (Feed* feed : cohort.waiting) feed->wake(cohort.checked_seq);
  waking_.insert(waking_.end(), cohort.waiting.begin(), cohort.waiting.end());
  cohort.waiting.clear();
}

std::int64_t Cohorts::announce_or_wait() {
  const std::int64_t now = clock_.steady_us();
  if (past_.given() != past_given_) past_until_us_ = now + kPastReaderUs;
  past_given_ = past_.given();
  const std::int64_t due = announced_us_ + kGatherUs;
  if (now < past_until_us_ && now < due && !hurrying_) return due - now;
  announced_us_ = now;
  announce();
  return 0;
}

void Cohorts::announce() {
  // Feeds leave and join while they are told, so the cohorts to tell are fixed first.
  waking_.clear();
  for (const auto& [key, cohort] : cohorts_) {
    if (cohort->waiting.empty()) continue;
    if (cohort->subscription().latest()) {
      if (make_edition(*cohort)) wake_waiting(*cohort);
      continue;
    }
    if (cohort->checked_seq >= log_.head()) continue;
    if (log_.head() > log_.history().last_seq()) log_.seal();
    if (something_passes(*cohort)) wake_waiting(*cohort);
  }
  for (std::size_t i = 0; i < waking_.size(); ++i) {
    if (waking_[i] != nullptr) waking_[i]->notify();
  }
  waking_.clear();
}

void Cohorts::tick() {
  if (latest_cohorts_ != 0) announce();
}

// Lets the cohort's feeds go on to the newest event, where that is due and brings something.
bool Cohorts::make_edition(Cohort& cohort) {
  const std::int64_t now = clock_.steady_us();
  if (cohort.edition_seq >= log_.head() || (now < cohort.edition_due_us && !hurrying_))
    return false;
  const std::uint64_t from = cohort.edition_seq;
  cohort.edition_seq = log_.head();
  if (latest(cohort, from, cohort.edition_seq).events == 0) return false;
  cohort.edition_due_us = now + cohort.subscription().latest_interval_us();
  return true;
}

std::uint64_t Cohorts::latest_until(const Cohort& cohort, std::uint64_t cursor) const {
  if (hurrying_) return log_.head();
  if (cohort.edition_seq <= cursor) return cursor;
  return cohort.keeps_latest(cursor, cohort.edition_seq) ? cohort.edition_seq : log_.head();
}

Frames Cohorts::latest(Cohort& cohort, std::uint64_t after_seq, std::uint64_t to_seq) {
  snapshot_.catch_up(log_);
  return cohort.latest(snapshot_, after_seq, to_seq);
}

Frames Cohorts::snapshot(const Subscription& subscription, std::uint64_t to_seq) {
  snapshot_.catch_up(log_);
  Frames frames = snapshot_.frames(subscription, 0, to_seq, deflater_of(subscription));
  if (!frames.bytes) return frames;
  frames.bytes = counted(std::move(frames.bytes), unread());
  return frames;
}

}  // namespace bridge
