// The table's part in how sources are doing: what a run says of itself, whether it lives, and who looks after all of them.

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "sources/source_table.h"

namespace bridge {
namespace {

constexpr double kRateHorizonS = 5.0;

// Of a part of a tick: what it looks at, where telling of a change is as much as looking at so many.
constexpr std::uint64_t kTickWork = 4096;
constexpr std::uint64_t kChangeWork = 128;

}  // namespace

void SourceTable::add_agent(Run& run, std::string_view agent) {
  // Nearly always it is there already, and so was looked at before.
  if (run.agents.find(agent) != run.agents.end()) return;
  const std::size_t bytes = agent.size() + sizeof(std::string) + 32;
  if (!is_name(agent) || run.agents.size() >= kAgentsPerSourceMax ||
      !has_room_for(run, bytes)) {
    return;
  }
  run.agents.emplace(agent);
  run.detail_bytes += bytes;
  detail_bytes_ += bytes;
}

void SourceTable::take(Run& run, const Announcement& said) {
  const bool first = !run.announces;
  set_live(run, true, run.ended_us, run.state);
  ++run.announcements;
  detail_bytes_ -= std::exchange(run.detail_bytes, 0);
  const auto agents = std::exchange(run.agents, {});
  run.lists_agents = !said.agents.empty();
  if (!run.lists_agents) {
    for (const std::string& agent : agents) add_agent(run, agent);
  }
  for (const std::string& agent : said.agents) add_agent(run, agent);
  const std::size_t bytes = said.commands_json.size() + said.parameters_json.size() + said.host.size();
  const bool fits = has_room_for(run, bytes);
  run.commands_json = fits ? said.commands_json : std::string();
  run.parameters_json = fits ? said.parameters_json : std::string();
  run.host = fits ? said.host : std::string();
  if (fits) {
    run.detail_bytes += bytes;
    detail_bytes_ += bytes;
  }
  run.activity = said.activity;
  run.pid = said.pid;
  run.repairs_any_time = said.repairs_any_time;
  const bool ends = said.stopped() && (first || run.state != SourceState::gone);
  if (said.stopped() ? run.state == SourceState::stalled : first || run.state != SourceState::live) {
    set_state(run, SourceState::live,
              run.state == SourceState::stalled ? SourceChange::recovered : SourceChange::connected);
  }
  if (ends) set_state(run, SourceState::gone, SourceChange::gone);
  look_for_conflict(*run.source);
}

void SourceTable::set_live(Run& run, bool announces, std::int64_t ended_us, SourceState state) {
  if (is_live(run)) --run.source->live_runs;
  run.announces = announces;
  run.ended_us = ended_us;
  run.state = state;
  if (is_live(run)) ++run.source->live_runs;
}

void SourceTable::set_state(Run& run, SourceState state, SourceChange change) {
  set_live(run, run.announces, run.ended_us, state);
  const bool others = run.source->live_runs > (is_live(run) ? 1u : 0u);
  if (state == SourceState::gone) {
    if (run.connected()) fail_line(run.control, "went before it answered");
    if (!run.connected() && !others) fail_line(run.source->by_name, "went before it answered");
  }
  // While another process of that name lives, what becomes of this one is told as the conflict's end.
  if (!others || state == SourceState::live) listener_->on_source(run, change);
}

// An event of a run that was believed to be silent. One that said that it stops has to say otherwise itself.
void SourceTable::revive(Run& run) {
  if (run.state == SourceState::gone && run.connected()) return;
  set_state(run, SourceState::live,
            run.state == SourceState::gone ? SourceChange::connected : SourceChange::recovered);
}

// A single published word may be anybody's stray one: it takes two to be a process.
void SourceTable::look_for_conflict(Source& source) {
  std::size_t processes = 0;
  Run* left = nullptr;
  for (const auto& run : source.runs) {
    ++work_;
    const bool proven = run->connected() || (run->announcements >= 2 && !run->id.empty());
    if (!is_live(*run) || run->state != SourceState::live || !proven) continue;
    left = run.get();
    if (++processes == 2) break;
  }
  if (source.in_conflict == (processes >= 2)) return;
  source.in_conflict = processes >= 2;
  if (left == nullptr) return;
  listener_->on_source(*left,
                       source.in_conflict ? SourceChange::conflict : SourceChange::conflict_over);
}

bool SourceTable::tick(double elapsed_s, std::int64_t steady_us) {
  const double keep = std::max(0.0, 1.0 - elapsed_s / kRateHorizonS);
  std::uint64_t looked_at = 0;
  auto it = ticked_.empty() ? sources_.begin() : sources_.upper_bound(ticked_);
  while (it != sources_.end() && looked_at < kTickWork) {
    Source& source = *it->second;
    looked_at += 1 + source.runs.size();
    const std::uint64_t events = source.tally.events;
    const double rate = static_cast<double>(events - source.events_at_tick) / elapsed_s;
    // The first seconds of a source show its rate at once instead of creeping up to it.
    source.events_per_s =
        source.events_at_tick == 0 ? rate : keep * source.events_per_s + (1 - keep) * rate;
    source.events_at_tick = events;
    for (const auto& run : source.runs) {
      if (!is_live(*run)) continue;
      const std::int64_t silent_us = steady_us - run->heard_us;
      if (silent_us < kStalledAfterUs) continue;
      const bool gone = silent_us >= kLiveUs;
      const SourceState now = gone ? SourceState::gone : SourceState::stalled;
      if (now == run->state) continue;
      looked_at += kChangeWork;
      set_state(*run, now, gone ? SourceChange::gone : SourceChange::stalled);
    }
    if (source.in_conflict) look_for_conflict(source);
    ++it;
    ticked_ = source.name;
    release(source);
  }
  if (it == sources_.end()) ticked_.clear();
  return ticked_.empty();
}

}  // namespace bridge
