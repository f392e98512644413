// Where a stream starts: `since`, in memory or looked up in the journal.
#include "stream/feed.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "event/messages.h"
#include "event/ws_frame.h"

namespace bridge {

SubscribeOutcome Feed::subscribe(Subscription subscription, const std::optional<Since>& since,
                                 const StreamOptions& options) {
  stop_waiting();
  on_lag_ = options.on_lag;
  lag_latest_to_ = 0;
  SubscribeOutcome outcome;
  outcome.seq = log_.head();
  request(std::move(subscription));
  if (!since) {
    if (cohort_ == nullptr && queued_.empty()) cursor_ = outcome.seq;
    if (cohort_ != nullptr && cohort_->subscription().latest() && queued_.empty()) {
      // What is the latest now need not be any more when this is written.
      std::uint64_t work = 0;
      Snapshot::Part part = cohorts_.latest(*cohort_, cursor_, outcome.seq, &work);
      if (part.frames.bytes) {
        queued_bytes_ += part.frames.bytes->size();
        queued_.push_back({0, std::move(part.frames.bytes), nullptr, false, part.frames.events});
      }
      give(outcome.seq, part.to_seq);
      cursor_ = outcome.seq;
    }
    queued_.push_back({outcome.seq, nullptr, requested_});
    if (options.snapshot) outcome.snapshot_to = outcome.seq;
    return outcome;
  }

  live_from_ = outcome.seq;
  fresh_start();
  queued_.push_back({0, nullptr, requested_});
  const std::uint64_t in_memory = log_.history().first_seq();
  switch (since->kind) {
    case Since::Kind::position: {
      const auto shared = log_.shared_until(since->epoch, since->seq);
      if (shared) {
        start_at(*shared, can_give(*shared + 1), *shared + 1, &outcome);
      } else {
        cursor_ = in_memory - 1;
        outcome.recovered = false;
        say_gap(1, &outcome);
      }
      break;
    }
    case Since::Kind::last: {
      Backward search = backward(*since);
      while (!search.ended) step_back(search, *requested_, kStepWork);
      start_at(search.before_seq - 1, search.found == search.count || can_give(1), 1, &outcome);
      break;
    }
    case Since::Kind::seconds: {
      const std::uint64_t after = log_.first_seq_since(cutoff_us(*since)) - 1;
      start_at(after, after >= in_memory || can_give(1), 1, &outcome);
      break;
    }
  }
  if (options.snapshot) outcome.snapshot_to = cursor_;
  return outcome;
}

bool Feed::exchange(Subscription subscription) {
  if (queued_.size() >= kQueuedMessagesMax) return false;
  StreamOptions options;
  options.on_lag = on_lag_;
  (void)subscribe(std::move(subscription), std::nullopt, options);
  return true;
}

void Feed::request(Subscription subscription) {
  if (deflate_) subscription.set_deflate();
  if (event_stream_) subscription.set_event_stream();
  auto shared = std::make_shared<const Subscription>(std::move(subscription));
  const std::size_t bytes = shared->bytes();
  requested_ = counted<Subscription>(std::move(shared), bytes, cohorts_.subscriptions());
}

// Replies that still wait keep their order but no longer wait for events.
void Feed::fresh_start() {
  log_.seal_for_readers();
  for (QueuedMessage& mark : queued_) mark.at = 0;
  if (look_up_) {  // nothing comes of it any more
    SubscribeOutcome outcome;
    outcome.seq = log_.head();
    outcome.recovered = true;
    answer_look_up(std::move(outcome));
  }
  resuming_until_ = log_.head();
}

// Places the cursor. Where the very next event is not held, the stream begins with a gap, which
// says that all from `lost_from` on is missing.
void Feed::start_at(std::uint64_t cursor, bool recovered, std::uint64_t lost_from,
                    SubscribeOutcome* outcome) {
  cursor_ = first_given(cursor + 1) - 1;
  outcome->recovered = recovered;
  if (!recovered && lost_from <= cursor_) say_gap(lost_from, outcome);
}

void Feed::say_gap(std::uint64_t lost_from, SubscribeOutcome* outcome) {
  ++gaps_;
  const PastReader* const journal = cohorts_.past().reader();
  const bool readable = journal == nullptr || journal->readable();
  outcome->gap =
      gap_message(lost_from, cursor_, readable ? "evicted" : "unreadable", clock_.wall_us());
}

std::int64_t Feed::cutoff_us(const Since& since) const {
  const double cutoff = static_cast<double>(clock_.wall_us()) - since.seconds * 1e6;
  return static_cast<std::int64_t>(std::max(cutoff, 0.0));
}

// Whether every event from this one on can still be given.
bool Feed::can_give(std::uint64_t from_seq) const {
  const std::uint64_t in_memory = log_.history().first_seq();
  if (from_seq >= in_memory) return true;
  const PastReader* const journal = cohorts_.past().reader();
  return journal != nullptr && journal->holds(from_seq, in_memory - 1);
}

// The first event from this one on that memory or the journal may still have.
std::uint64_t Feed::first_given(std::uint64_t from_seq) const {
  const std::uint64_t in_memory = log_.history().first_seq();
  const PastReader* const journal = cohorts_.past().reader();
  if (from_seq >= in_memory || journal == nullptr || journal->last_seq() < from_seq) {
    return std::max(from_seq, in_memory);
  }
  return std::min(in_memory, std::max(from_seq, journal->first_seq()));
}

bool Feed::must_look_up(const Subscription& subscription, const Since& since) const {
  if (since.kind == Since::Kind::seconds) {
    return journal_goes_back() &&
           log_.first_seq_since(cutoff_us(since)) <= log_.history().first_seq();
  }
  if (since.kind != Since::Kind::last) return false;
  Backward search = backward(since);
  do {
    const std::uint64_t work = step_back(search, subscription, kStepWork);
    if (account_) account_->charge(work);
  } while (!search.ended && cohorts_.work() == nullptr);
  return !search.ended || (search.found < search.count && journal_goes_back());
}

// Whether the journal holds what is older than memory's.
bool Feed::journal_goes_back() const {
  const PastReader* const journal = cohorts_.past().reader();
  return journal != nullptr && journal->first_seq() <= journal->last_seq() &&
         journal->first_seq() < log_.history().first_seq();
}

bool Feed::subscribe_later(Subscription subscription, const Since& since,
                           const StreamOptions& options,
                           std::function<std::string(const SubscribeOutcome&)> reply) {
  if (queued_.size() >= kQueuedMessagesMax) return false;
  stop_waiting();
  on_lag_ = options.on_lag;
  lag_latest_to_ = 0;
  fresh_start();
  request(std::move(subscription));
  queued_.push_back({0, nullptr, requested_, true});
  // Its own end is what tells the journal and the queue that nobody waits for them any more.
  const auto ends = std::make_shared<std::shared_ptr<RequestBudget>>(account_);
  look_up_ = std::make_unique<LookUp>();
  look_up_->asker = std::shared_ptr<RequestBudget>(ends, account_.get());
  look_up_->snapshot = options.snapshot;
  look_up_->reply = std::move(reply);
  const std::weak_ptr<RequestBudget> asker = look_up_->asker;
  if (since.kind == Since::Kind::seconds) {
    PastReader& journal = *cohorts_.past().reader();
    journal.find_time(cutoff_us(since), [this, asker, &journal](std::uint64_t first) {
      if (!asker.expired()) on_found(first - 1, first > journal.first_seq());
    });
    return true;
  }
  const auto step = [this, asker, search = backward(since)](bool* done) mutable {
    const std::uint64_t work = step_back(search, *requested_, kStepWork);
    *done = search.ended;
    if (!search.ended) return work;
    const std::uint64_t left = search.count - search.found;
    if (left == 0 || !journal_goes_back()) {
      on_found(search.before_seq - 1, left == 0);
      return work;
    }
    cohorts_.past().reader()->find_last({requested_, left, search.before_seq, asker},
                                        [this, asker](std::uint64_t after, bool reached) {
                                          if (!asker.expired()) on_found(after, reached);
                                        });
    return work;
  };
  if (WorkQueue* const queue = cohorts_.work()) {
    queue->add_later(asker, step);
  } else {
    auto at_once = step;
    for (bool done = false; !done;) at_once(&done);
  }
  return true;
}

// `after`: the event behind which the stream starts. `reached`: nothing that was asked for is
// before it.
void Feed::on_found(std::uint64_t after, bool reached) {
  SubscribeOutcome outcome;
  outcome.seq = resuming_until_ = log_.head();
  const PastReader* const journal = cohorts_.past().reader();
  // What it holds and has not looked at cannot be read.
  const bool read_all = reached || journal == nullptr || after < journal->first_seq();
  start_at(after, read_all && can_give(after + 1) && (reached || can_give(1)),
           reached ? after + 1 : 1, &outcome);
  if (!read_all) outcome.gap = gap_message(1, cursor_, "unreadable", clock_.wall_us());
  if (look_up_->snapshot) outcome.snapshot_to = cursor_;
  answer_look_up(std::move(outcome));
  notify();
}

void Feed::answer_look_up(SubscribeOutcome outcome) {
  const std::unique_ptr<LookUp> answered = std::move(look_up_);
  const auto mark = std::find_if(queued_.begin(), queued_.end(),
                                 [](const QueuedMessage& m) { return m.open; });
  std::string frames = message(answered->reply(outcome));
  if (!outcome.gap.empty()) frames += message(outcome.gap);
  mark->open = false;
  queued_bytes_ += frames.size();
  mark->frame = counted(std::make_shared<const std::string>(std::move(frames)), cohorts_.unread());
  if (outcome.snapshot_to == 0) return;
  QueuedMessage behind;
  behind.snapshot_to = outcome.snapshot_to;
  queued_.insert(mark + 1, std::move(behind));
}

Feed::Backward Feed::backward(const Since& since) const {
  Backward search;
  search.count = since.last;
  search.before_seq = std::min(log_.head(), log_.history().last_seq()) + 1;
  search.ended = since.last == 0;
  return search;
}

// Looks at more of the past; returns what that cost, which is about `work_max` at most. Where all
// pass there is nothing to look at.
std::uint64_t Feed::step_back(Backward& search, const Subscription& subscription,
                              std::uint64_t work_max) const {
  const std::uint64_t first = log_.history().first_seq();
  std::uint64_t work = 0;
  if (subscription.everything() && search.before_seq > first) {
    search.found = std::min(search.count, search.before_seq - first);
    search.before_seq -= search.found;
  }
  BlockPtr block;
  while (search.found < search.count && search.before_seq > first && work < work_max) {
    const std::uint64_t seq = --search.before_seq;
    if (!block || !block->contains(seq)) block = log_.history().find(seq);
    const auto i = static_cast<std::size_t>(seq - block->first_seq());
    work += subscription.work(*block, i);
    if (subscription.matches(*block, i)) ++search.found;
  }
  search.ended = search.found == search.count || search.before_seq <= first;
  return work;
}

}  // namespace bridge
