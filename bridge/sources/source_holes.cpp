// What is missing: how long it is waited for, what is asked for and what is given up; and what is believed of
// the numbers of a source at all.

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "sources/source_tracker.h"

namespace bridge {
namespace {

// A control line that was not there is looked for again after so long.
constexpr std::int64_t kLookAgainUs = 20'000;

}  // namespace

// ---- What is believed.

// The newest number that the source itself answers for.
std::uint64_t SourceTracker::covered_to(const Run& run) {
  const RunOrder& order = run.order;
  if (order.announcements == 0 || order.superseded) {
    // It begins where it is met.
    return order.passed_to == 0 ? UINT64_MAX : std::max(order.head, near_to(order));
  }
  // What is published may be anybody's word, once.
  const std::uint64_t head =
      run.connected() ? order.head : std::min(order.head, order.previous_head);
  return std::max(head, order.passed_to);
}

std::uint64_t SourceTracker::near_to(const RunOrder& order) {
  return order.passed_to + kUnannouncedMax;  // beyond kSourceSeqMax is nothing anyway
}

// A number that nothing but its announcement speaks for.
bool SourceTracker::only_announced(const Run& run) {
  return run.order.held.empty() || run.order.held.begin()->first > covered_to(run);
}

// Of the next event nothing but words is known, and they came a moment ago.
bool SourceTracker::may_be_coming(const RunOrder& order, std::int64_t now_us) {
  return order.heard_to <= order.expected &&
         now_us - std::max(order.troubled_us, order.moved_us) < kGoneGraceUs;
}

void SourceTracker::disbelieve(Run& run, Held::iterator held) {
  std::string body = take(run, held);
  held_bytes_ += body.size();
  ++held_events_;
  ++counters_.events_unbelieved;
  run.order.unbelieved.push_back(std::move(body));
  run.order.heard_to = run.order.held.empty() ? 0 : run.order.held.rbegin()->first;
  make_ready(run);
}

// What is missing up to `to` will not come. Of a source that says no more what is plausible is believed, and
// nothing beyond; one that goes on announcing will cover what waits, or not.
void SourceTracker::settle(Run& run, std::uint64_t to, std::int64_t now_us) {
  RunOrder& order = run.order;
  const bool speaks = order.announcements != 0 && now_us - order.announced_us < kStalledAfterUs &&
                      !order.superseded;
  if (speaks) {
    give_up(run, to);
    return;
  }
  const std::uint64_t limit = std::max(covered_to(run), near_to(order));
  while (!order.held.empty() && order.held.rbegin()->first > limit) {
    disbelieve(run, std::prev(order.held.end()));
  }
  if (!order.held.empty()) order.seen_to = std::max(order.seen_to, order.held.rbegin()->first);
  give_up(run, std::min(to, order.seen_to), limit);
}

// What was only announced is not looked for again until more is said.
void SourceTracker::deny(RunOrder& order) {
  order.denied_head = order.head;
  order.seen_to = 0;
  order.troubled = false;
}

// The source says that it has never had what was given up because it had announced it.
void SourceTracker::take_back(RunOrder& order) {
  order.expected = std::max(order.head, order.passed_to) + 1;
  order.seen_to = 0;
  order.gone_to = 0;
  order.denied_head = 0;
}

// ---- What the source says.

void SourceTracker::announce(Run& run, const Announcement& said, std::int64_t now_us) {
  RunOrder& order = run.order;
  meet(run, now_us);
  order.first_sight = false;
  ++order.announcements;
  order.announced_us = now_us;
  order.oldest = said.oldest;
  const std::uint64_t head = std::min(said.head, kSourceSeqMax - 1);
  if (head > order.head) order.head_us = now_us;
  if (head != order.head) {
    order.denied_head = 0;
    if (order.held.empty()) order.seen_to = std::min(order.seen_to, std::max(head, order.passed_to));
  }
  order.previous_head = order.announcements == 1 ? head : order.head;
  order.head = head;
  // One word may have been under way for long; two in a row are meant.
  const bool retracted = head < order.claimed_to && order.claimed_to + 1 == order.expected;
  order.retractions = retracted ? order.retractions + 1 : 0;
  if (order.retractions >= 2 && !order.queued) take_back(order);
  const std::uint64_t covered = covered_to(run);
  for (auto it = order.held.upper_bound(covered); it != order.held.end();) {
    const auto held = it++;
    if (order.announcements >= held->second.announcements + kAnnouncementsToBelieve) {
      disbelieve(run, held);
    }
  }
  const auto beyond = order.held.upper_bound(covered);
  if (beyond != order.held.begin()) order.seen_to = std::max(order.seen_to, std::prev(beyond)->first);
  if (head >= order.expected) {
    if (said.stopped()) {
      order.seen_to = std::max(order.seen_to, std::min(head, std::max(covered, near_to(order))));
    }
    watch(run);
  }
  pursue(run, now_us);
}

// It stands where the event behind the one before it would.
void SourceTracker::on_broken() {
  answer_.max = std::max(answer_.max, answer_.next);
  ++answer_.next;
}

void SourceTracker::on_answer(Run& run, std::uint64_t from, std::uint64_t to,
                              RepairOutcome outcome, std::int64_t now_us) {
  answering_ = false;
  RunOrder& order = run.order;
  if (outcome != RepairOutcome::late) order.asking = false;
  switch (outcome) {
    case RepairOutcome::events:
      order.failures = 0;
      order.ask_span = std::min(order.ask_span * 2, RunOrder::kAskSpanMax);
      if (answer_.max >= from) {
        // It gives the oldest that it has first: what is not there below its newest it does not have.
        order.since_us = now_us;
        if (order.expected <= answer_.max && missing_to(order) >= order.expected && may_be_coming(order, now_us)) {
          order.retry_us = now_us + kRepairRetryUs;
        } else {
          give_up(run, std::min(answer_.max, to));
        }
      } else if (order.held.empty() && missing_to(order) > near_to(order)) {
        deny(order);
      } else {
        const bool claimed = only_announced(run);
        // What it has published since it was asked may not be in its answer.
        to = std::min(to, order.covered_when_asked);
        if (!give_up(run, to)) {
          order.retry_us = now_us + kRepairRetryUs;  // until its announcements have caught up
        } else if (claimed) {
          order.claimed_to = to;
        }
      }
      break;
    case RepairOutcome::late:
      order.failures = 0;
      answer_.max = 0;
      return;
    case RepairOutcome::unknown:
      order.deaf = true;
      break;
    case RepairOutcome::broken:
      ++counters_.repairs_failed;
      order.ask_span = std::min(order.ask_span, to - from + 1) / 2;
      if (order.ask_span == 0) {
        order.ask_span = 1;
        answer_.max = from;  // it has it, and cannot say it
        give_up(run, from);
      }
      break;
    case RepairOutcome::failed:
      if (++order.failures >= kRepairFailuresMax) {
        settle(run, missing_to(order), now_us);  // however long the hole: it would be the same again
        order.retry_us = now_us + kRepairRetryUs;
        break;
      }
      [[fallthrough]];
    case RepairOutcome::unsent:
      order.retry_us = now_us + kRepairRetryUs;
      break;
  }
  if (outcome == RepairOutcome::failed || outcome == RepairOutcome::unknown) ++counters_.repairs_failed;
  answer_.max = 0;
  pursue(run, now_us);
}

// ---- Holes.

// The last of the events that are missing in front of what waits; below `expected` where none are.
std::uint64_t SourceTracker::missing_to(const RunOrder& order) {
  return order.held.empty() ? order.seen_to : order.held.begin()->first - 1;
}

// Sees to the hole in front of what waits, if there is one: asks for it, or gives it up.
void SourceTracker::pursue(Run& run, std::int64_t now_us) {
  RunOrder& order = run.order;
  if (order.queued) return;  // has things to do first, and comes here after them
  if (order.looking_up) {
    order.troubled = true;
    order.troubled_us = order.since_us = now_us;  // nobody has waited for the source yet
    watch(run);
    if (order.lookup_sent) return;
    order.lookup_sent = store_->find(
        run.source->name, run.id,
        [this, source = run.source->name, id = run.id](std::optional<std::uint64_t> last) {
          if (Run* const found = table_.find(source, id)) on_found(*found, last);
        });
    return;
  }
  const std::uint64_t to = missing_to(order);
  if (to < order.expected) {
    if (!order.held.empty()) return make_ready(run);
    order.troubled = false;
    return;
  }
  if (order.denied_head >= to && order.held.empty()) {
    order.troubled = false;
    return;
  }
  if (!order.troubled) {
    order.troubled = true;
    order.troubled_us = order.since_us = now_us;
    order.retry_us = 0;
  }
  watch(run);
  if (paused_) {
    order.since_us = now_us;
    return;
  }
  if (order.superseded) {
    settle(run, UINT64_MAX, now_us);
    return;
  }
  // Nobody has seen anything of it, and anybody may have said so: so much is not called lost for that.
  const bool hearsay = order.held.empty() && !run.connected() && to > near_to(order);
  if (hearsay && (order.deaf || order.oldest > order.expected)) return deny(order);
  std::uint64_t ask_from = order.expected;
  if (order.deaf) {
    give_up(run, order.seen_to);
  } else if (order.oldest > order.expected && may_be_coming(order, now_us)) {
    ask_from = order.oldest;
  } else if (order.oldest > order.expected) {
    const std::uint64_t gone = std::min(order.oldest - 1, to);
    if (order.held.empty()) order.claimed_to = gone;
    give_up(run, gone);
  }
  if (order.queued) return;
  const std::int64_t waited_us = now_us - order.since_us;
  if (waited_us >= kRepairPatienceUs) {
    if (hearsay) return deny(order);
    settle(run, to, now_us);
    order.since_us = now_us;
    return;
  }
  if (order.deaf || order.asking || now_us < order.retry_us || ask_from > to) return;
  const std::uint64_t ask_to = std::min(to, ask_from + order.ask_span - 1);
  order.askable = link_ != nullptr && link_->ask(run, ask_from, ask_to);
  if (order.askable) {
    ++counters_.repairs_asked;
    order.asking = true;
    order.covered_when_asked = covered_to(run);
    order.first_sight = false;
    return;
  }
  if (waited_us >= patience_us(run)) {
    if (hearsay) return deny(order);
    settle(run, UINT64_MAX, now_us);
    order.since_us = now_us;
    return;
  }
  order.retry_us = now_us + kLookAgainUs;
}

// How long a source that nobody is connected for is waited for.
std::int64_t SourceTracker::patience_us(const Run& run) const {
  if (link_ == nullptr) return 0;
  const RunOrder& order = run.order;
  if (run.announces || order.restored) return kNoChannelPatienceUs;
  if (!order.first_sight || order.expected != 1) return 0;
  return std::max(kFirstSightUs, first_heard_us_ + kComingBackUs - order.since_us);
}

// What is missing up to `to` will not come, as far as it is believed that it ever was. False where that
// changes nothing.
bool SourceTracker::give_up(Run& run, std::uint64_t to, std::uint64_t limit) {
  RunOrder& order = run.order;
  const bool begins = order.first_sight && order.expected == 1 && !order.held.empty();
  // Nobody ever said that the bridge would have what was published before it was there.
  if (begins) order.expected = order.held.begin()->first;
  order.first_sight = false;
  order.restored = false;
  const std::uint64_t believed =
      std::min(to, std::max({covered_to(run), limit, answer_.max}));
  order.gone_to = std::max(order.gone_to, believed);
  if (order.gone_to < order.expected && !begins) return false;
  make_ready(run);
  return true;
}

void SourceTracker::supersede(Run& run) {
  run.order.superseded = true;
  if (run.order.met && run.order.troubled) settle(run, UINT64_MAX, 0);
}

void SourceTracker::tick(std::int64_t now_us) {
  const auto quiet = [](const RunOrder& order) {
    return !order.troubled && (order.head < order.expected || order.denied_head >= order.head);
  };
  for (std::size_t i = 0; i < kWatchedATick && next_watched_ < watched_.size(); ++i) {
    Run& run = *watched_[next_watched_];
    RunOrder& order = run.order;
    if (now_us - std::max(order.head_us, order.moved_us) >= kTailGraceUs) {
      order.seen_to = std::max(order.seen_to, std::min(order.head, covered_to(run)));
    }
    pursue(run, now_us);
    order.watched = !quiet(order);
    if (order.watched) {
      ++next_watched_;
    } else {
      watched_[next_watched_] = watched_.back();
      watched_.pop_back();
    }
  }
  if (next_watched_ >= watched_.size()) next_watched_ = 0;
}

}  // namespace bridge
