#include "stream/cohorts.h"

#include <algorithm>
#include <utility>

#include "base/loop_turns.h"
#include "stream/feed.h"

namespace bridge {
namespace {

constexpr std::int64_t kGatherUs =
    1'000;  // between two passes while somebody reads from the journal
constexpr std::int64_t kRestMaxUs = 2'000;
constexpr std::uint64_t kFewEvents = 64;  // with more a pass costs what the events do
constexpr std::int64_t kPassTimes = 16;  // a pass may take that part of the time, unless events would wait too long
constexpr std::int64_t kPastReaderUs = 5'000;  // he counts as reading for so long after a block
constexpr std::uint64_t kPassWork = 8 * kStepWork;  // of a pass at a time, about half a millisecond
constexpr std::uint64_t kTellWork = 128;            // a write to a socket, as a rule
constexpr std::uint64_t kGivenBytesPerWork = 128;    // of what the kernel copies then
constexpr std::uint64_t kLookWork = 8;              // at a cohort

}  // namespace

Cohort* Cohorts::join(const std::shared_ptr<const Subscription>& subscription) {
  std::unique_ptr<Cohort>& cohort = cohorts_[subscription->key()];
  if (!cohort) {
    cohort = std::make_unique<Cohort>(subscription, shared_, deflater_of(*subscription), &log_);
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
  const auto place = cohorts_.find(cohort->subscription().key());
  if (next_ == place) ++next_;
  cohorts_.erase(place);
}

void Cohorts::wait(Cohort* cohort, Feed* feed, std::uint64_t seq) {
  // Others may wait that were not told yet of what this one has: for them it must still be looked
  // at.
  if (cohort->waiting.empty() && !cohort->subscription().latest()) {
    cohort->checked_seq = std::max(cohort->checked_seq, seq);
  }
  cohort->waiting.push_back(feed);
  const bool up_to_date = cohort->subscription().latest() || cohort->checked_seq >= log_.head();
  if (up_to_date && cohort->waiting.size() == cohort->feeds) cohort->let_go();  // none is behind
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

void Cohorts::wake_waiting(Cohort& cohort) {
  for (Feed* feed : cohort.waiting) feed->wake(cohort.checked_seq);
  // They wait in the order in which they were told; the last is the first now, so that nobody always is the last.
  if (!cohort.waiting.empty()) std::rotate(cohort.waiting.begin(), cohort.waiting.end() - 1, cohort.waiting.end());
  waking_.insert(waking_.end(), cohort.waiting.begin(), cohort.waiting.end());
  cohort.waiting.clear();
}

std::int64_t Cohorts::announce_or_wait() {
  const std::int64_t now = clock_.steady_us();
  if (past_.given() != past_given_) past_until_us_ = now + kPastReaderUs;
  past_given_ = past_.given();
  const std::int64_t rest_us = few_ ? std::min(kRestMaxUs, pass_us_ * rest_halves_ / 2) : 0;
  const std::int64_t due = announced_us_ + std::max({std::min(gather_us_, kPassTimes * pass_us_),
                                                     now < past_until_us_ ? kGatherUs : 0,
                                                     rest_us == 0 ? 0 : pass_us_ + rest_us});
  if (now < due && !hurrying_) return due - now;
  announced_us_ = now;
  few_ = log_.last_seq() - std::exchange(announced_seq_, log_.last_seq()) < kFewEvents;
  announce();
  return 0;
}

void Cohorts::announce() {
  again_ = true;
  if (passing_) return;
  begun_us_ = clock_.steady_us();
  go_on();
}

// One pass over all cohorts, and one more where something came meanwhile.
void Cohorts::go_on() {
  passing_ = true;
  for (std::uint64_t work = 0; work < kPassWork || work_ == nullptr;) {
    if (told_ < waking_.size()) {
      Feed* const feed = waking_[told_++];
      if (feed == nullptr) continue;
      const std::uint64_t given = given_bytes_;
      feed->notify();
      work += kTellWork + (given_bytes_ - given) / kGivenBytesPerWork;
      continue;
    }
    waking_.clear();
    told_ = 0;
    if (next_ == cohorts_.end()) {
      passing_ = again_;
      if (!std::exchange(again_, false)) {
        pass_us_ = clock_.steady_us() - begun_us_;
        return;
      }
      next_ = cohorts_.begin();
    } else if (look_at(*next_->second, &work)) {
      ++next_;
    }
  }
  work_->post([this, alive = std::weak_ptr<char>(alive_)] {
    if (alive.expired()) return;
    const TurnPart part("to clients");
    go_on();
  });
}

// Wakes those who wait in it where something passes for them. False where there is more to look at first.
bool Cohorts::look_at(Cohort& cohort, std::uint64_t* work) {
  *work += kLookWork;
  if (cohort.waiting.empty()) return true;
  if (cohort.subscription().latest()) return make_edition(cohort, work);
  if (cohort.checked_seq >= log_.head()) return true;
  log_.seal_for_readers();
  const std::uint64_t next = cohort.checked_seq + 1;
  const BlockPtr block = log_.history().find(next);
  // A cohort that slept through an eviction has nothing to look back at: its feeds will see the
  // gap.
  if (block) {
    const std::uint64_t last = std::min(cohort.part_end(*block, next), log_.head());
    if (!cohort.passes_any(block, next, last, work)) {
      cohort.checked_seq = last;
      return last == log_.head();
    }
  }
  wake_waiting(cohort);
  return true;
}

void Cohorts::tick() {
  if (latest_cohorts_ != 0) announce();
}

// Lets the cohort's feeds go on to the newest event, where that is due and brings something; as look_at().
bool Cohorts::make_edition(Cohort& cohort, std::uint64_t* work) {
  const std::int64_t now = clock_.steady_us();
  if (cohort.edition_seq >= log_.head() || (now < cohort.edition_due_us && !hurrying_)) return true;
  if (cohort.next_edition_seq <= cohort.edition_seq) cohort.next_edition_seq = log_.head();
  const Snapshot::Part part = latest(cohort, cohort.edition_seq, cohort.next_edition_seq, work);
  if (part.frames.events == 0) {
    cohort.edition_seq = part.to_seq;
    return part.to_seq == log_.head();
  }
  cohort.edition_seq = cohort.next_edition_seq;
  cohort.edition_due_us = now + cohort.subscription().latest_interval_us();
  wake_waiting(cohort);
  return true;
}

std::uint64_t Cohorts::latest_until(const Cohort& cohort, std::uint64_t cursor) const {
  if (hurrying_) return log_.head();
  if (cohort.edition_seq <= cursor) return cursor;
  return cohort.keeps_latest(cursor, cohort.edition_seq) ? cohort.edition_seq : log_.head();
}

Snapshot::Part Cohorts::latest(Cohort& cohort, std::uint64_t after_seq, std::uint64_t to_seq,
                               std::uint64_t* work) {
  if (!snapshot_.catch_up(log_, to_seq, kPassWork, work)) return {{}, after_seq};
  return cohort.latest(snapshot_, after_seq, to_seq, work);
}

Snapshot::Part Cohorts::snapshot(const Subscription& subscription, std::uint64_t after_seq,
                                 std::uint64_t to_seq, std::uint64_t* work) {
  const std::uint64_t enough = *work + kPassWork;
  if (!snapshot_.catch_up(log_, log_.head(), kPassWork, work)) return {{}, after_seq};
  const std::uint64_t left = enough - std::min(*work, enough - 1);  // at least one
  return snapshot_.frames(subscription, after_seq, to_seq, left, work, deflater_of(subscription), log_.epoch());
}

}  // namespace bridge
