#include "sources/source_tracker.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace bridge {
namespace {

// A control channel that was not there is looked for again after so long.
constexpr std::int64_t kLookAgainUs = 20'000;

}  // namespace

// ---- Who is known.

SourceTracker::Source& SourceTracker::source_named(std::string_view name, std::int64_t now_us) {
  auto found = sources_.find(name);
  if (found == sources_.end()) {
    if (sources_.size() >= kSourcesMax) forget_one_source();
    found = sources_.emplace(std::string(name), Source{}).first;
    found->second.name = found->first;
  }
  found->second.heard_us = now_us;
  return found->second;
}

// The one least recently heard of makes room, one that holds nothing if there is any.
void SourceTracker::forget_one_source() {
  const auto heard = [](const Source& source) {
    std::int64_t at = source.heard_us;
    for (const auto& stream : source.runs) at = std::max(at, stream->moved_us);
    return std::pair(source.tally.held != 0, at);
  };
  const auto oldest = std::min_element(
      sources_.begin(), sources_.end(),
      [&](const auto& a, const auto& b) { return heard(a.second) < heard(b.second); });
  for (const auto& stream : oldest->second.runs) forget(*stream);
  sources_.erase(oldest);
}

void SourceTracker::forget(Stream& stream) {
  while (!stream.held.empty()) {
    ++counters_.events_put_off;
    take(stream, stream.held.begin());
  }
  watched_.erase(std::remove(watched_.begin(), watched_.end(), &stream), watched_.end());
  ready_.erase(std::remove(ready_.begin(), ready_.end(), &stream), ready_.end());
  if (last_ == &stream) last_ = nullptr;
}

SourceTracker::Stream& SourceTracker::add_run(Source& source, std::string_view run) {
  if (source.runs.size() >= kRunsPerSourceMax) {
    forget(*source.runs.front());
    source.runs.erase(source.runs.begin());
  }
  Stream& stream = *source.runs.emplace_back(std::make_unique<Stream>());
  stream.source = &source;
  stream.run = run;
  return stream;
}

SourceTracker::Stream* SourceTracker::find(std::string_view source, std::string_view run) {
  const auto found = sources_.find(source);
  if (found == sources_.end()) return nullptr;
  for (const auto& stream : found->second.runs) {
    if (stream->run == run) return stream.get();
  }
  return nullptr;
}

SourceTracker::Stream& SourceTracker::find_or_add(std::string_view source, std::string_view run,
                                                  std::int64_t now_us) {
  if (first_heard_us_ < 0) first_heard_us_ = now_us;
  Source& known = source_named(source, now_us);
  Stream* stream = find(source, run);
  if (stream == nullptr) {
    // A new start: whatever the ones before it still owe will not come.
    for (const auto& earlier : known.runs) supersede(*earlier);
    stream = &add_run(known, run);
    stream->first_sight = !known.announced;
  }
  last_ = stream;
  return *stream;
}

void SourceTracker::supersede(Stream& stream) {
  if (stream.superseded) return;
  stream.superseded = true;
  if (stream.troubled) give_up(stream, stream.seen_to);
}

void SourceTracker::restore(const std::vector<SourcePosition>& positions) {
  for (const SourcePosition& position : positions) {
    if (find(position.source, position.run) != nullptr) continue;
    Stream& stream = add_run(source_named(position.source, 0), position.run);
    stream.expected = position.last_source_seq + 1;
    stream.restored = true;
  }
}

const SourceTracker::Tally* SourceTracker::tally(std::string_view source) const {
  const auto found = sources_.find(source);
  return found == sources_.end() ? nullptr : &found->second.tally;
}

// ---- What comes in.

SourceTracker::Verdict SourceTracker::observe_out_of_order(Stream& stream, std::uint64_t seq,
                                                           std::string_view body,
                                                           std::int64_t now_us) {
  if (answering_) answer_max_ = std::max(answer_max_, seq);
  if (seq < stream.expected || stream.held.count(seq) != 0) {
    if (!answering_) {
      ++stream.source->tally.duplicates;
      ++counters_.events_duplicate;
    }
    return Verdict::drop;
  }
  if (seq == stream.expected && ready_.empty()) {
    ++stream.expected;
    stream.moved_us = now_us;
    stream.since_us = now_us;
    if (answering_) {
      ++stream.source->tally.repaired;
      ++counters_.events_repaired;
    }
    make_ready(stream);  // what waits may follow, or the trouble is over
    return Verdict::pass;
  }
  hold(stream, seq, body);
  if (seq == stream.expected) {
    make_ready(stream);  // behind what another start of this source has to settle first
  } else {
    pursue(stream, now_us);
  }
  return Verdict::drop;
}

void SourceTracker::hold(Stream& stream, std::uint64_t seq, std::string_view body) {
  stream.seen_to = std::max(stream.seen_to, seq);
  const auto has_room = [&] {
    return stream.held.size() < kHeldEventsPerSourceMax &&
           held_bytes_ + body.size() <= held_bytes_max_;
  };
  // What is needed sooner has the better claim.
  while (!has_room() && !stream.held.empty() && stream.held.rbegin()->first > seq) {
    ++counters_.events_put_off;
    take(stream, std::prev(stream.held.end()));
  }
  const bool unasked = stream.first_sight && stream.expected == 1;
  const bool full = !has_room() && seq != stream.expected;
  if (full && !unasked) {
    if (!answering_) ++counters_.events_put_off;
    return;
  }
  stream.held.emplace(seq, body);
  held_bytes_ += body.size();
  ++held_events_;
  ++stream.source->tally.held;
  if (answering_) {
    ++stream.source->tally.repaired;
    ++counters_.events_repaired;
  }
  // Nobody could be asked for it again, so the wait is over and all of it goes on at once.
  if (full) give_up(stream, stream.seen_to);
}

std::string SourceTracker::take(Stream& stream, Held::iterator held) {
  std::string body = std::move(held->second);
  stream.held.erase(held);
  held_bytes_ -= body.size();
  --held_events_;
  --stream.source->tally.held;
  return body;
}

void SourceTracker::meet(std::string_view source, std::string_view run, std::int64_t now_us) {
  find_or_add(source, run, now_us);
}

void SourceTracker::announce(std::string_view source, std::string_view run,
                             const SourceNumbers& numbers, std::int64_t now_us) {
  Stream& stream = find_or_add(source, run, now_us);
  stream.source->announced = true;
  stream.first_sight = false;
  stream.oldest = numbers.oldest;
  if (numbers.head >= stream.expected) {
    if (numbers.head > stream.head) stream.head_us = now_us;
    stream.head = numbers.head;
    if (numbers.stopped) stream.seen_to = std::max(stream.seen_to, numbers.head);
    watch(stream);
  }
  pursue(stream, now_us);
}

void SourceTracker::on_answer(std::string_view source, std::string_view run, std::uint64_t from,
                              std::uint64_t to, RepairOutcome outcome, std::int64_t now_us) {
  answering_ = false;
  if (outcome == RepairOutcome::failed || outcome == RepairOutcome::unknown) {
    ++counters_.repairs_failed;
  }
  Stream* const stream = find(source, run);
  if (stream == nullptr) return;
  if (outcome != RepairOutcome::late) stream->asking = false;
  switch (outcome) {
    case RepairOutcome::events:
      // It gives the oldest that it has first: what is not there below its newest it does not have.
      stream->failures = 0;
      stream->since_us = now_us;
      give_up(*stream, answer_max_ >= from ? std::min(answer_max_, to) : to);
      return;
    case RepairOutcome::late:
      stream->failures = 0;
      return;
    case RepairOutcome::unknown:
      stream->deaf = true;
      give_up(*stream, stream->seen_to);
      return;
    case RepairOutcome::failed:
      if (++stream->failures >= kRepairFailuresMax) return give_up(*stream, to);
      stream->retry_us = now_us + kRepairRetryUs;
      return;
    case RepairOutcome::unsent:
      stream->retry_us = now_us + kRepairRetryUs;
      return;
  }
}

// ---- Holes.

// The last of the events that are missing in front of what waits; below `expected` where none are.
std::uint64_t SourceTracker::missing_to(const Stream& stream) {
  return stream.held.empty() ? stream.seen_to : stream.held.begin()->first - 1;
}

// Sees to the hole in front of what waits, if there is one: asks for it, or gives it up.
void SourceTracker::pursue(Stream& stream, std::int64_t now_us) {
  if (stream.queued) return;  // has things to do first, and comes here after them
  const std::uint64_t to = missing_to(stream);
  if (to < stream.expected) {
    if (!stream.held.empty()) return make_ready(stream);
    stream.troubled = false;
    return;
  }
  if (!stream.troubled) {
    stream.troubled = true;
    stream.since_us = now_us;
    stream.retry_us = 0;
  }
  watch(stream);
  if (stream.superseded || stream.deaf) return give_up(stream, stream.seen_to);
  if (stream.oldest > stream.expected) return give_up(stream, std::min(stream.oldest - 1, to));
  const std::int64_t waited_us = now_us - stream.since_us;
  if (waited_us >= kRepairPatienceUs) return give_up(stream, to);
  if (stream.asking || now_us < stream.retry_us) return;
  stream.askable =
      link_ != nullptr && link_->ask(stream.source->name, stream.run, stream.expected, to);
  if (stream.askable) {
    ++counters_.repairs_asked;
    stream.asking = true;
    stream.first_sight = false;
    return;
  }
  if (waited_us >= patience_us(stream)) return give_up(stream, stream.seen_to);
  stream.retry_us = now_us + kLookAgainUs;
}

// How long a source that nobody is connected for is waited for.
std::int64_t SourceTracker::patience_us(const Stream& stream) const {
  if (link_ == nullptr) return 0;
  if (stream.source->announced || stream.restored) return kNoChannelPatienceUs;
  if (!stream.first_sight || stream.expected != 1) return 0;
  return std::max(kFirstSightUs, first_heard_us_ + kComingBackUs - stream.since_us);
}

// What is missing up to `to` will not come.
void SourceTracker::give_up(Stream& stream, std::uint64_t to) {
  if (stream.first_sight && stream.expected == 1 && !stream.held.empty()) {
    // Nobody ever said that the bridge would have what was published before it was there.
    stream.expected = stream.held.begin()->first;
  }
  stream.first_sight = false;
  stream.restored = false;
  stream.gone_to = std::max(stream.gone_to, to);
  make_ready(stream);
}

void SourceTracker::watch(Stream& stream) {
  if (stream.watched) return;
  stream.watched = true;
  watched_.push_back(&stream);
}

void SourceTracker::make_ready(Stream& stream) {
  stream.troubled = true;
  if (stream.queued) return;
  stream.queued = true;
  ready_.push_back(&stream);
}

bool SourceTracker::next(Step* step, std::int64_t now_us) {
  while (!ready_.empty()) {
    Stream& stream = *ready_.front();
    if (step_of(stream, step, now_us)) return true;
    ready_.erase(ready_.begin());
    stream.queued = false;
    pursue(stream, now_us);
  }
  return false;
}

bool SourceTracker::step_of(Stream& stream, Step* step, std::int64_t now_us) {
  const auto first = stream.held.begin();
  if (first != stream.held.end() && first->first == stream.expected) {
    step->kind = Step::Kind::event;
    step->body = take(stream, first);
    ++stream.expected;
    stream.moved_us = now_us;
    stream.since_us = now_us;
    return true;
  }
  const std::uint64_t to = std::min(stream.gone_to, missing_to(stream));
  if (to < stream.expected) return false;
  step->kind = Step::Kind::lost;
  step->source = stream.source->name;
  step->run = stream.run;
  step->from = stream.expected;
  step->to = to;
  stream.source->tally.lost += to - stream.expected + 1;
  counters_.events_lost += to - stream.expected + 1;
  stream.expected = to + 1;
  stream.since_us = now_us;
  return true;
}

void SourceTracker::tick(std::int64_t now_us) {
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    Stream& stream = *watched_[i];
    if (now_us - std::max(stream.head_us, stream.moved_us) >= kTailGraceUs) {
      stream.seen_to = std::max(stream.seen_to, stream.head);
    }
    pursue(stream, now_us);
  }
  const auto quiet = [](Stream* stream) {
    if (stream->troubled || stream->head >= stream->expected) return false;
    stream->watched = false;
    return true;
  };
  watched_.erase(std::remove_if(watched_.begin(), watched_.end(), quiet), watched_.end());
}

void SourceTracker::stop() {
  for (const auto& [name, source] : sources_) {
    for (const auto& stream : source.runs) {
      if (!stream->troubled || stream->askable) continue;
      give_up(*stream, stream->seen_to);
    }
  }
}

}  // namespace bridge
