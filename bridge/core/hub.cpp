#include "core/hub.h"

#include <algorithm>

#include "core/feed.h"

namespace bridge {

Cohort* Hub::join(const Subscription& subscription) {
  std::unique_ptr<Cohort>& cohort = cohorts_[subscription.key()];
  if (!cohort) cohort = std::make_unique<Cohort>(subscription);
  ++cohort->feeds;
  return cohort.get();
}

void Hub::leave(Cohort* cohort, Feed* feed) {
  stop_waiting(cohort, feed);
  if (--cohort->feeds == 0) cohorts_.erase(cohort->subscription().key());
}

void Hub::wait(Cohort* cohort, Feed* feed, std::uint64_t seq) {
  // Others may wait that were not told yet of what this one has: for them it must still be looked at.
  if (cohort->waiting.empty()) cohort->checked_seq = std::max(cohort->checked_seq, seq);
  cohort->waiting.push_back(feed);
}

void Hub::stop_waiting(Cohort* cohort, Feed* feed) {
  auto& waiting = cohort->waiting;
  const auto it = std::find(waiting.begin(), waiting.end(), feed);
  if (it != waiting.end()) {
    *it = waiting.back();
    waiting.pop_back();
  }
  std::replace(waking_.begin(), waking_.end(), feed, static_cast<Feed*>(nullptr));
}

bool Hub::something_passes(Cohort& cohort) {
  // A cohort that slept through an eviction has nothing to look back at: its feeds will see the gap.
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

void Hub::announce() {
  // Feeds leave and join while they are told, so the cohorts to tell are fixed first.
  waking_.clear();
  for (const auto& [key, cohort] : cohorts_) {
    if (cohort->waiting.empty() || cohort->checked_seq >= log_.head()) continue;
    if (log_.head() > log_.history().last_seq()) log_.seal();
    if (!something_passes(*cohort)) continue;
    for (Feed* feed : cohort->waiting) feed->wake(cohort->checked_seq);
    waking_.insert(waking_.end(), cohort->waiting.begin(), cohort->waiting.end());
    cohort->waiting.clear();
  }
  for (std::size_t i = 0; i < waking_.size(); ++i) {
    if (waking_[i] != nullptr) waking_[i]->notify();
  }
  waking_.clear();
}

}  // namespace bridge
