#include "feed/seen_events.h"

#include <algorithm>
#include <iterator>

namespace feed {

bool SeenEvents::insert(std::string_view source, std::string_view run, std::uint64_t source_seq) {
  key_.assign(source).append("\n").append(run);
  Run& known = runs_[key_];
  known.touched = ++ticks_;
  const bool fresh = insert(known, source_seq);
  if (known.ranges.size() > kRangesOfRunMax) known.ranges.erase(known.ranges.begin());
  if (runs_.size() > kRunsMax) forget_oldest_run();
  return fresh;
}

bool SeenEvents::insert(Run& run, std::uint64_t seq) {
  auto& ranges = run.ranges;
  const auto after = ranges.upper_bound(seq);
  const auto before = after == ranges.begin() ? ranges.end() : std::prev(after);
  if (before != ranges.end() && seq <= before->second) return false;

  const bool joins_before = before != ranges.end() && before->second + 1 == seq;
  const bool joins_after = after != ranges.end() && seq + 1 == after->first;
  if (joins_before) {
    before->second = joins_after ? after->second : seq;
    if (joins_after) ranges.erase(after);
  } else if (joins_after) {
    const std::uint64_t last = after->second;
    ranges.emplace_hint(ranges.erase(after), seq, last);
  } else {
    ranges.emplace_hint(after, seq, seq);
  }
  return true;
}

void SeenEvents::forget_oldest_run() {
  runs_.erase(std::min_element(runs_.begin(), runs_.end(), [](const auto& a, const auto& b) {
    return a.second.touched < b.second.touched;
  }));
}

}  // namespace feed
