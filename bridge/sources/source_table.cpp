#include "sources/source_table.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/limits.h"

namespace bridge {
namespace {

// What a process said before it ended may arrive so long behind the first word of its successor.
constexpr std::int64_t kStragglerUs = 900'000;
constexpr std::size_t kHeardLookedAtMax = 4096;

}  // namespace

const char* source_state_name(SourceState state) {
  switch (state) {
    case SourceState::live:
      return "live";
    case SourceState::stalled:
      return "stalled";
    case SourceState::gone:
      break;
  }
  return "gone";
}

bool is_live(const Run& run) {
  return !run.ended() && run.state != SourceState::gone && run.announces;
}

Run* Source::current() const {
  const auto claim = [](const Run& run) {
    const bool there = run.state != SourceState::gone;
    return there && run.connected() ? 3 : there && !run.id.empty() ? 2 : 1;
  };
  Run* best = nullptr;
  for (const auto& run : runs) {
    if (!run->ended() && (best == nullptr || claim(*run) >= claim(*best))) best = run.get();
  }
  return best;
}

// ---- Who is known.

Source* SourceTable::find(std::string_view source) const {
  const auto found = sources_.find(source);
  return found == sources_.end() ? nullptr : found->second.get();
}

Run* SourceTable::find(std::string_view source, std::string_view run) const {
  const Source* const known = find(source);
  if (known == nullptr) return nullptr;
  for (const auto& one : known->runs) {
    ++work_;
    if (one->id == run) return one.get();
  }
  return nullptr;
}

Source& SourceTable::source_named(std::string_view name) {
  std::unique_ptr<Source>& source = sources_[std::string(name)];
  if (!source) {
    source = std::make_unique<Source>();
    source->name = name;
    source->by_name.source = source.get();
    source->by_name.connection = name;
  }
  return *source;
}

Source* SourceTable::find_or_add(std::string_view source) {
  Source* const known = find(source);
  return known != nullptr || sources_.size() >= runs_max_ ? known : &source_named(source);
}

Run* SourceTable::find_or_add(std::string_view source, std::string_view id, bool connected,
                              std::int64_t wall_us, std::int64_t steady_us) {
  Run* run = find(source, id);
  if (run == nullptr) {
    // An eighth is kept for who says a hello, so that he pushes out nobody.
    const std::size_t room = connected ? runs_max_ : runs_max_ - runs_max_ / 8;
    if (runs_ >= room && !make_room(connected, steady_us)) {
      ++counters_.runs_refused;
      return nullptr;
    }
    Source& parent = source_named(source);
    run = parent.runs.emplace_back(std::make_unique<Run>()).get();
    ++runs_;
    work_ += kRunWork;
    run->source = &parent;
    run->place = by_heard_.insert(by_heard_.end(), run);
    run->id = id;
    run->heard_us = steady_us;
    run->control.source = &parent;
    run->control.run = run;
    if (wall_us != 0 && !connected) end_earlier(*run, steady_us);
  }
  if (run->source->first_seen_us == 0 && wall_us != 0) {
    run->source->first_seen_us = wall_us;
    ++sources_heard_;
  }
  return run;
}

// Who is connected has the better claim than who has only published.
bool SourceTable::make_room(bool connected, std::int64_t steady_us) {
  if (by_heard_.empty()) return false;
  Run& oldest = *by_heard_.front();
  if (!connected && steady_us - oldest.heard_us < kLiveUs) return false;
  forget(oldest);
  return true;
}

void SourceTable::forget(Run& run) {
  ++counters_.runs_forgotten;
  has_forgotten_ = true;
  Source& source = *run.source;
  listener_->on_forget(run);
  work_ += kRunWork + source.runs.size();
  if (is_live(run)) --source.live_runs;
  by_heard_.erase(run.place);  // it is not connected
  detail_bytes_ -= run.detail_bytes;
  last_ = nullptr;
  --runs_;
  source.runs.erase(std::find_if(source.runs.begin(), source.runs.end(),
                                 [&run](const auto& one) { return one.get() == &run; }));
  if (!source.runs.empty() || source.bound) return;
  fail_line(source.by_name, "was forgotten");
  erase(source);
}

void SourceTable::release(Source& source) {
  if (!source.runs.empty() || source.bound) return;
  if (!source.by_name.lane || source.by_name.lane->idle()) erase(source);
}

void SourceTable::erase(const Source& source) {
  if (source.first_seen_us != 0) --sources_heard_;
  sources_.erase(source.name);
}

std::vector<const Source*> SourceTable::heard_last(std::size_t sources_max) const {
  std::set<std::string_view> names;
  std::vector<const Source*> found;
  auto one = by_heard_.rbegin();
  auto other = connected_.rbegin();
  for (std::size_t i = 0; i < kHeardLookedAtMax && found.size() < sources_max; ++i) {
    if (one == by_heard_.rend() && other == connected_.rend()) break;
    const bool second = one == by_heard_.rend() || (other != connected_.rend() && (*other)->heard_us > (*one)->heard_us);
    const Source* const source = (second ? *other++ : *one++)->source;
    if (source->first_seen_us != 0 && names.insert(source->name).second) found.push_back(source);
  }
  std::sort(found.begin(), found.end(), [](const Source* a, const Source* b) { return a->name < b->name; });
  return found;
}

Source* SourceTable::bind(std::string_view name, std::string_view connection) {
  Source* const source = find_or_add(name);
  if (source == nullptr) return nullptr;
  lines_.erase(source->by_name.connection);
  source->bound = true;
  source->by_name.connection = connection;
  lines_[source->by_name.connection] = &source->by_name;
  return source;
}

ControlLine* SourceTable::line_of(std::string_view connection) const {
  const auto found = lines_.find(std::string(connection));
  if (found != lines_.end()) return found->second;
  Source* const named = find(connection);
  return named == nullptr ? nullptr : &named->by_name;
}

Run* SourceTable::restore(std::string_view source, std::string_view run) {
  return find(source, run) != nullptr ? nullptr : find_or_add(source, run, false, 0, 0);
}

// ---- What they say.

void SourceTable::count(Run& run, const Envelope& event, std::int64_t wall_us) {
  Source& source = *run.source;
  ++source.tally.events;
  source.last_event_us = wall_us;
  if (run.clock.known()) {
    const std::int64_t published_us = parse_seconds(event.source_timestamp);
    if (published_us >= 0) {
      const std::int64_t took_us = wall_us - (published_us - run.clock.offset_us());
      source.publish_to_receive.add(took_us, 1);
      publish_to_receive_.add(took_us, 1);
    }
  }
  if (!run.lists_agents && event.agent_id.kind == IndexedField::Kind::text) {
    add_agent(run, event.agent_id.text);
  }
  if (event.source_seq == 0) return;
  if (run.id.empty() && run.last_source_seq != 0 && event.source_seq > run.last_source_seq) {
    source.tally.lost += event.source_seq - run.last_source_seq - 1;
  }
  run.last_source_seq = std::max(run.last_source_seq, event.source_seq);
}

bool SourceTable::announce(Run& run, const Announcement& said, std::int64_t steady_us) {
  if (run.connected()) return false;
  if (steady_us < run.spoken_for_until_us) {
    heard(run, steady_us);
    return false;
  }
  if (run.ended()) {
    // Not that it lives, but how far it had come.
    if (steady_us - run.ended_us < kStragglerUs) return true;
    set_live(run, run.announces, 0, run.state);  // it lives: two processes publish under one name
    run.order.superseded = false;
  }
  heard(run, steady_us);
  take(run, said);
  return true;
}

Run* SourceTable::hello(std::string_view connection, std::string_view source, std::string_view id,
                        const Announcement& said, std::int64_t wall_us, std::int64_t steady_us, std::uint64_t since) {
  Run* const run = find_or_add(source, id, true, wall_us, steady_us);
  if (run == nullptr) return nullptr;
  if (run->connected() && run->control.connection != connection) {
    // What was said over one that has ended may be read after its end, and then nobody tells that.
    if (since <= run->connected_since && steady_us < run->spoken_for_until_us) return nullptr;
    disconnected(std::string(run->control.connection));
  }
  if (!run->connected()) {
    // One that says another name than before is somebody else now.
    if (lines_.count(std::string(connection)) != 0) disconnected(connection);
    run->control.connection = connection;
    connected_.splice(connected_.end(), by_heard_, run->place);
    run->connected_since = since;
    lines_[run->control.connection] = &run->control;
    set_live(*run, run->announces, 0, run->state);
    run->order.superseded = false;
    if (run->spoken_for_until_us == 0) end_earlier(*run, steady_us);
  }
  heard(*run, steady_us);
  run->spoken_for_until_us = steady_us + kStalledAfterUs;
  take(*run, said);
  return run;
}

void SourceTable::disconnected(std::string_view connection) {
  ControlLine* const known = line_of(connection);
  if (known == nullptr) return;
  ControlLine& line = *known;
  fail_line(line, "went before it answered");
  if (line.run == nullptr) return;
  lines_.erase(line.connection);
  line.connection.clear();
  by_heard_.splice(by_heard_.end(), connected_, line.run->place);
  // Where its successor is there already, it has ended with its connection.
  const auto& runs = line.source->runs;
  work_ += runs.size();
  const auto own = std::find_if(runs.begin(), runs.end(),
                                [&line](const auto& run) { return run.get() == line.run; });
  if (std::any_of(own, runs.end(), [](const auto& run) { return run->connected() && is_live(*run); })) {
    set_live(*line.run, line.run->announces, std::max<std::int64_t>(line.run->heard_us, 1), line.run->state);
  }
  look_for_conflict(*line.source);
}

// Starts before this one that are not connected have ended with it. That costs them none of their events for
// what is only published: it may be anybody's word.
void SourceTable::end_earlier(Run& run, std::int64_t steady_us) {
  if (run.id.empty()) return;
  bool restarted = false;
  work_ += run.source->runs.size();
  for (const auto& earlier : run.source->runs) {
    if (earlier.get() == &run) break;
    if (earlier->id.empty() || earlier->connected()) continue;
    if (run.connected()) {
      listener_->on_superseded(*earlier);
    } else if (steady_us < earlier->spoken_for_until_us) {
      continue;
    }
    if (earlier->ended()) continue;
    restarted = restarted || earlier->announces;
    set_live(*earlier, earlier->announces, std::max<std::int64_t>(steady_us, 1), earlier->state);
  }
  if (!restarted || run.announcements != 0) return;
  set_live(run, true, run.ended_us, run.state);
  fail_line(run.source->by_name, "restarted before it answered");
  listener_->on_source(run, SourceChange::restarted);
}

void SourceTable::fail_line(ControlLine& line, const char* why) {
  // Who is told may use the line again at once.
  const std::unique_ptr<Lane> lane = std::move(line.lane);
  if (lane) listener_->on_line_lost(line, *lane, line.source->name + " " + why);
}

}  // namespace bridge
