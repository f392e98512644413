// Who publishes: for each source its run, agents, rate, holes in its counter, and what it
// announced.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event/envelope.h"
#include "sources/source_tracker.h"

namespace bridge {

// How a source is doing. Only one that announces itself once a second (PROTOCOL section 6) can be
// told to be stalled or gone; any other is live.
enum class SourceState { live, stalled, gone };
const char* source_state_name(SourceState state);

struct SourceInfo {
  SourceState state = SourceState::live;
  std::string run;
  std::uint64_t last_source_seq = 0;  // 0 = does not count
  std::uint64_t events = 0;
  std::uint64_t holes = 0;  // in the source_seq of events without a run, which nobody can repair
  std::int64_t first_seen_us = 0;             // wall clock
  std::int64_t last_event_us = 0;             // wall clock; 0 = none yet
  double events_per_s = 0;                    // smoothed over about five seconds
  std::set<std::string, std::less<>> agents;  // seen in events or announced
  // As announced in `_source` (PROTOCOL section 6), JSON text; empty before.
  std::string announced_commands;
  std::string host;
  std::string activity;  // "running", "paused", "stopped": as it says itself
  std::int64_t pid = 0;
  bool announced = false;         // has a control socket
  bool repairs_any_time = false;  // answers `_replay` beside a command, as it says itself
  std::vector<std::string>
      earlier_runs;                // newest last; what is still on its way of them is no restart
  std::int64_t last_heard_us = 0;  // steady clock; an event or an announcement

  std::uint64_t events_at_tick = 0;
};

// What happened to a source that announces itself.
enum class SourceChange { connected, restarted, stalled, recovered, gone };

// Called with the source as it is after the change.
using SourceListener =
    std::function<void(const std::string& source, const SourceInfo& info, SourceChange change)>;

// Bounded by kSourcesMax (the one least recently heard of makes room) and kAgentsPerSourceMax.
// One thread.
class SourceRegistry {
 public:
  // At most one, set before anything is observed.
  void set_listener(SourceListener listener) { listener_ = std::move(listener); }

  // Call for each accepted event, in order. Anonymous events are not counted here.
  void observe(const Envelope& event, std::int64_t wall_us, std::int64_t steady_us);

  // Takes a `_source` body; returns the numbers in it. What it does not understand in `data` it
  // leaves alone.
  SourceNumbers announce(const Envelope& body, std::int64_t wall_us, std::int64_t steady_us);

  // Call about once a second: renews the rates and looks who has fallen silent. `elapsed_s` > 0
  // since the last call.
  void tick(double elapsed_s, std::int64_t steady_us);

  const std::map<std::string, SourceInfo, std::less<>>& sources() const { return sources_; }

 private:
  SourceInfo& heard(const Envelope& body, std::int64_t wall_us, std::int64_t steady_us);
  SourceInfo& find_or_add(std::string_view source, std::int64_t wall_us);
  static bool is_new_run(SourceInfo& info, std::string_view run);
  static SourceNumbers read_announcement(std::string_view data, SourceInfo& info);
  void tell(const SourceInfo& info, SourceChange change);
  static void add_agent(SourceInfo& info, std::string_view agent);

  std::map<std::string, SourceInfo, std::less<>> sources_;
  // The last one asked for: events come in batches of one source.
  std::string_view last_name_;
  SourceInfo* last_ = nullptr;
  SourceListener listener_;
};

}  // namespace bridge
