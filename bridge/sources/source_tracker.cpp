#include "sources/source_tracker.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace bridge {
namespace {

// 2^64 - 1 events lost is a claim, not a count: sums stay where they are.
void add(std::uint64_t& sum, std::uint64_t n) { sum = sum + n < sum ? UINT64_MAX : sum + n; }

}  // namespace

// ---- Who is known.

void SourceTracker::restore(const std::vector<SourcePosition>& positions, PositionStore* store,
                            bool left_out) {
  store_ = store;
  store_holds_more_ = left_out;
  for (const SourcePosition& position : positions) {
    if (position.last_source_seq >= kSourceSeqMax) continue;
    if (Run* const run = table_.restore(position.source, position.run)) {
      run->order.go_on_from(position.last_source_seq);
      run->order.met = true;
      run->order.troubled = false;
    }
  }
}

// The first that is heard of a run.
void SourceTracker::meet(Run& run, std::int64_t now_us) {
  if (first_heard_us_ < 0) first_heard_us_ = now_us;
  RunOrder& order = run.order;
  if (order.met) return;
  order.met = true;
  order.troubled = false;
  order.first_sight = !run.announces;
  order.looking_up = store_ != nullptr && (store_holds_more_ || table_.has_forgotten());
  if (order.looking_up) pursue(run, now_us);
}

void SourceTracker::on_found(Run& run, std::optional<std::uint64_t> last) {
  RunOrder& order = run.order;
  if (!order.looking_up) return;
  order.looking_up = false;
  if (last && *last < kSourceSeqMax) {
    order.go_on_from(*last);
    while (!order.held.empty() && order.held.begin()->first < order.expected) {
      take(run, order.held.begin());
      ++run.source->tally.duplicates;
      ++counters_.events_duplicate;
    }
  }
  make_ready(run);
}

void SourceTracker::forget(Run& run) {
  RunOrder& order = run.order;
  counters_.events_put_off += order.held.size() + order.unbelieved.size();
  held_events_ -= order.unbelieved.size();
  for (const std::string& body : order.unbelieved) held_bytes_ -= body.size();
  while (!order.held.empty()) take(run, order.held.begin());
  if (order.watched) watched_.erase(std::remove(watched_.begin(), watched_.end(), &run), watched_.end());
  if (order.queued) ready_.erase(std::remove(ready_.begin(), ready_.end(), &run), ready_.end());
}

// ---- What comes in.

SourceTracker::Verdict SourceTracker::observe_out_of_order(Run& run, std::uint64_t seq,
                                                           std::string_view body,
                                                           std::int64_t now_us) {
  RunOrder& order = run.order;
  meet(run, now_us);
  if (answering_) {
    answer_.max = std::max(answer_.max, seq);
    answer_.next = seq + 1;
  }
  if (seq > kSourceSeqMax || (order.announcements == 0 && seq > covered_to(run))) {
    ++counters_.events_unbelieved;
    return Verdict::unbelieved;
  }
  if (seq < order.expected || order.held.count(seq) != 0) {
    if (!answering_) {
      ++run.source->tally.duplicates;
      ++counters_.events_duplicate;
    }
    return Verdict::drop;
  }
  if (order.looking_up) {
    hold(run, seq, body);
    return Verdict::drop;
  }
  if (seq == order.expected && ready_.empty()) {
    order.pass(now_us);
    order.since_us = now_us;
    if (answering_) {
      ++run.source->tally.repaired;
      ++counters_.events_repaired;
    }
    // What waits may follow, or the trouble is over.
    if (order.troubled) make_ready(run);
    return Verdict::pass;
  }
  hold(run, seq, body);
  if (seq == order.expected) {
    make_ready(run);  // behind what another run has to settle first
  } else {
    pursue(run, now_us);
  }
  return Verdict::drop;
}

void SourceTracker::hold(Run& run, std::uint64_t seq, std::string_view body) {
  RunOrder& order = run.order;
  if (seq <= covered_to(run)) order.seen_to = std::max(order.seen_to, seq);
  if (!answering_) order.heard_to = std::max(order.heard_to, seq);
  const auto has_room = [&] {
    return order.held.size() < kHeldEventsPerRunMax && held_bytes_ + body.size() <= held_bytes_max_;
  };
  // What is needed sooner has the better claim.
  while (!has_room() && !order.held.empty() && order.held.rbegin()->first > seq) {
    ++counters_.events_put_off;
    take(run, std::prev(order.held.end()));
  }
  const bool unasked = order.first_sight && order.expected == 1 && !order.looking_up;
  const bool full = !has_room() && (seq != order.expected || order.looking_up);
  if (full && !unasked) {
    if (!answering_) ++counters_.events_put_off;
    return;
  }
  order.held.emplace(seq, HeldEvent{std::string(body), order.announcements});
  held_bytes_ += body.size();
  ++held_events_;
  ++run.source->tally.held;
  if (answering_) {
    ++run.source->tally.repaired;
    ++counters_.events_repaired;
  }
  // Nobody could be asked for it again, so the wait is over and all of it goes on at once.
  if (full) give_up(run, order.seen_to);
}

std::string SourceTracker::take(Run& run, Held::iterator held) {
  std::string body = std::move(held->second.body);
  run.order.held.erase(held);
  held_bytes_ -= body.size();
  --held_events_;
  --run.source->tally.held;
  return body;
}

// ---- What goes on.

void SourceTracker::watch(Run& run) {
  if (run.order.watched) return;
  run.order.watched = true;
  watched_.push_back(&run);
}

void SourceTracker::make_ready(Run& run) {
  run.order.troubled = true;
  if (run.order.queued) return;
  run.order.queued = true;
  ready_.push_back(&run);
}

bool SourceTracker::next(Step* step, std::int64_t now_us) {
  while (!ready_.empty()) {
    Run& run = *ready_.front();
    if (step_of(run, step, now_us)) return true;
    ready_.pop_front();
    run.order.queued = false;
    pursue(run, now_us);
  }
  return false;
}

bool SourceTracker::step_of(Run& run, Step* step, std::int64_t now_us) {
  RunOrder& order = run.order;
  step->run = &run;
  if (!order.unbelieved.empty()) {
    step->kind = Step::Kind::unbelieved;
    step->body = std::move(order.unbelieved.back());
    order.unbelieved.pop_back();
    held_bytes_ -= step->body.size();
    --held_events_;
    return true;
  }
  if (order.looking_up) return false;
  const auto first = order.held.begin();
  if (first != order.held.end() && first->first == order.expected) {
    step->kind = Step::Kind::event;
    step->body = take(run, first);
    order.pass(now_us);
    order.since_us = now_us;
    return true;
  }
  const std::uint64_t to = std::min(order.gone_to, missing_to(order));
  if (to < order.expected) return false;
  step->kind = Step::Kind::lost;
  step->from = order.expected;
  step->to = to;
  add(run.source->tally.lost, to - order.expected + 1);
  add(counters_.events_lost, to - order.expected + 1);
  order.expected = to + 1;
  order.since_us = now_us;
  return true;
}

void SourceTracker::stop() {
  for (const auto& [name, source] : table_.sources()) {
    for (const auto& run : source->runs) {
      if (!run->order.met || !run->order.troubled || run->order.askable) continue;
      run->order.looking_up = false;
      settle(*run, UINT64_MAX, INT64_MAX);
    }
  }
}

}  // namespace bridge
