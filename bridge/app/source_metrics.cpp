#include "app/source_metrics.h"

#include <vector>

namespace bridge {
namespace {

using Type = MetricFamilies::Type;

SourceState state_of(const Source& source) {
  const Run* const run = source.current();
  return run == nullptr ? SourceState::live : run->state;
}

// Of those whose clock is known.
void add_clocks(MetricFamilies& families, const std::vector<const Source*>& told, std::int64_t steady_us) {
  std::vector<const Source*> known;
  for (const Source* const source : told) {
    const Run* const run = source->current();
    if (run != nullptr && run->clock.known()) known.push_back(source);
  }
  families.begin("ppo_bridge_source_clock_ahead_seconds", "How far a source's clock is ahead of the bridge's, as its hellos tell.",
                 Type::Gauge);
  for (const Source* const source : known) {
    families.sample(static_cast<double>(source->current()->clock.offset_us()) / 1e6, {{"source", source->name}});
  }
  families.begin("ppo_bridge_source_clock_error_seconds", "By how much that may be wrong.", Type::Gauge);
  for (const Source* const source : known) {
    families.sample(static_cast<double>(source->current()->clock.error_us(steady_us)) / 1e6, {{"source", source->name}});
  }
  families.begin("ppo_bridge_publish_to_receive_seconds",
                 "From an event's timestamp to its place in the log, its source's clock put right.", Type::Histogram);
  std::size_t count = 0;
  for (const Source* const source : told) {
    if (source->publish_to_receive.count() == 0) continue;
    if (++count > kSourceHistograms) break;
    families.sample(source->publish_to_receive, {{"source", source->name}});
  }
}

}  // namespace

void add_sources(MetricFamilies& families, const SourceTable& table, std::int64_t steady_us) {
  const std::vector<const Source*> told = table.heard_last(kSourcesInMetrics);
  families.gauge("ppo_bridge_sources", "Sources that were heard of.", table.sources_heard());
  families.gauge("ppo_bridge_sources_left_out", "Of these, those that no line below tells of: they are silent longest.",
                 table.sources_heard() - told.size());
  const auto each = [&](const char* name, const char* help, Type type, auto value) {
    families.begin(name, help, type);
    for (const Source* const source : told) families.sample(static_cast<double>(value(*source)), {{"source", source->name}});
  };
  each("ppo_bridge_source_events_total", "Events of each source.", Type::Counter, [](const Source& s) { return s.tally.events; });
  each("ppo_bridge_source_lost_total", "Events of each source that nobody has.", Type::Counter,
       [](const Source& s) { return s.tally.lost; });
  each("ppo_bridge_source_repaired_total", "Events had by asking it again.", Type::Counter,
       [](const Source& s) { return s.tally.repaired; });
  each("ppo_bridge_source_duplicates_total", "Events that came a second time, or too late.", Type::Counter,
       [](const Source& s) { return s.tally.duplicates; });
  each("ppo_bridge_source_held", "Events that wait behind a hole.", Type::Gauge, [](const Source& s) { return s.tally.held; });
  each("ppo_bridge_source_last_event_timestamp_seconds", "When its last event came, since 1970; 0: none yet. time() - this is its age.",
       Type::Gauge, [](const Source& s) { return static_cast<double>(s.last_event_us) / 1e6; });
  families.begin("ppo_bridge_source_state", "1 for the state that a source is in, 0 for the others.", Type::Gauge);
  for (const Source* const source : told) {
    for (const SourceState state : {SourceState::live, SourceState::stalled, SourceState::gone}) {
      families.sample(state_of(*source) == state ? 1 : 0, {{"source", source->name}, {"state", source_state_name(state)}});
    }
  }
  add_clocks(families, told, steady_us);
}

}  // namespace bridge
