#include "truth.h"

#include "base/wall_watch.h"
#include "feed/json.h"

namespace sim {
namespace {

std::string range_text(std::uint64_t from, std::uint64_t to) {
  return std::to_string(from) + "-" + std::to_string(to);
}

}  // namespace

void Truth::follow(SimBridge& bridge) {
  Epoch& epoch = epochs_[bridge.epoch()];
  if (epoch.entries.size() == bridge.log().last_seq()) return;
  for (const std::string& payload : bridge.grown()) take(epoch, payload);
  require(epoch.entries.size() == bridge.log().last_seq(), "the log has holes");
  check_stamp(bridge);
}

// The bridge knows that the source can be asked.
bool Truth::introduced(const std::string& source, const std::string& run) const {
  for (const auto& known : sources_) {
    if (known->name() == source) return known->introduced(run);
  }
  return false;
}

// What the log stamps is the time, or, where the clock went back a little, the last stamp.
void Truth::check_stamp(const SimBridge& bridge) const {
  const bridge::EventLog& log = bridge.log();
  const bridge::BlockPtr block = log.history().find(log.last_seq());
  if (!block) return;
  const std::int64_t ahead_us =
      block->entry(block->size() - 1).timestamp_us - world_.clock.wall_us();
  require(ahead_us < bridge::kClockStepUs && ahead_us > -bridge::kClockStepUs,
          "a stamp is wrong by " + std::to_string(ahead_us) + " us");
}

bool Truth::honest(const std::string& source, const std::string& run) const {
  for (const auto& known : sources_) {
    if (known->name() != source) continue;
    for (const Published& published : known->runs()) {
      if (published.run == run) return true;
    }
  }
  return false;
}

void Truth::take(Epoch& epoch, const std::string& payload) {
  const auto envelope = feed::read_envelope(payload);
  require(envelope.has_value(), "no JSON: " + payload);
  if (envelope->is_gap()) {
    const feed::Gap gap = feed::read_gap(payload);
    require(gap.reason == "source_lost" && gap.from_source_seq && gap.to_source_seq,
            "a gap in the log of another kind: " + payload);
    require(epoch.gap.empty(), "a gap without its event");
    epoch.gap = payload;
    if (!honest(gap.source, gap.run)) return;
    Progress& progress = epoch.progress[{gap.source, gap.run}];
    const std::uint64_t expected = progress.expected == 0 ? 1 : progress.expected;
    const std::string what = gap.source + " " + gap.run + ": lost " +
                             range_text(*gap.from_source_seq, *gap.to_source_seq);
    world_.note(what);
    require(*gap.from_source_seq == expected && *gap.to_source_seq >= expected,
            what + ", expected " + std::to_string(expected));
    progress.expected = *gap.to_source_seq + 1;
    progress.lost += *gap.to_source_seq - *gap.from_source_seq + 1;
    return;
  }
  require(envelope->seq == epoch.entries.size() + 1, "numbered wrongly: " + payload);
  epoch.entries.push_back({envelope->type, envelope->source, envelope->run,
                           envelope->source_seq.value_or(0)});
  const std::string_view data = feed::json::member(payload, "data");
  const bool is_loss = envelope->source == "ppo-bridge" &&
                       feed::json::as_string(feed::json::member(data, "status")) == "source_lost";
  require(is_loss == !epoch.gap.empty(), "a loss and its gap are apart: " + payload);
  epoch.gap.clear();
  if (!envelope->source_seq || !honest(envelope->source, envelope->run)) return;
  Progress& progress = epoch.progress[{envelope->source, envelope->run}];
  const std::string what =
      envelope->source + " " + envelope->run + ": " + std::to_string(*envelope->source_seq);
  world_.note(what);
  if (progress.expected == 0) {
    // Only of one that cannot be asked may the beginning be missing without a word.
    require(*envelope->source_seq == 1 || !introduced(envelope->source, envelope->run), what + " comes first");
  } else {
    require(*envelope->source_seq == progress.expected,
            what + ", expected " + std::to_string(progress.expected));
  }
  progress.expected = *envelope->source_seq + 1;
}

void Truth::check_complete(const SimBridge& bridge, bool lossless) const {
  require(bridge.tracker().held_events() == 0, "something waits for ever");
  const Epoch& epoch = epochs_.at(bridge.epoch());
  for (const auto& source : sources_) {
    if (!source->has_control()) continue;
    const Published& run = source->runs().back();
    const auto found = epoch.progress.find({source->name(), run.run});
    const std::uint64_t expected =
        found == epoch.progress.end() || found->second.expected == 0 ? 1 : found->second.expected;
    require(expected == run.head + 1, source->name() + " " + run.run + " ends at " +
                                          std::to_string(expected - 1) + " of " +
                                          std::to_string(run.head));
    if (lossless && found != epoch.progress.end()) {
      require(found->second.lost == 0,
              source->name() + " lost " + std::to_string(found->second.lost) + " needlessly");
    }
  }
}

const std::vector<LogEntry>& Truth::log(const std::string& epoch) const {
  return epochs_.at(epoch).entries;
}

}  // namespace sim
