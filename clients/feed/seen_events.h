#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

namespace feed {

// Which of the sources' events were already handed over, by (source, run, source_seq): the only
// name of an event that survives a change of epoch. A run's numbers come nearly in one piece, so
// each run is a set of ranges, and a window of few ranges reaches far back.
//
// Bounded: beyond the limits the oldest numbers of a run, then the run untouched for longest, are
// forgotten. What is forgotten counts as not seen: an event may then come twice, never not at all.
// A value of one thread.
class SeenEvents {
 public:
  static constexpr size_t kRunsMax = 1024;
  static constexpr size_t kRangesOfRunMax = 4096;

  // Notes the event; false where it was noted before.
  bool insert(std::string_view source, std::string_view run, std::uint64_t source_seq);

  void clear() { runs_.clear(); }
  size_t runs() const { return runs_.size(); }

 private:
  struct Run {
    std::map<std::uint64_t, std::uint64_t> ranges;  // first -> last, apart by more than one
    std::uint64_t touched = 0;
  };

  static bool insert(Run& run, std::uint64_t seq);
  void forget_oldest_run();

  std::unordered_map<std::string, Run> runs_;
  std::string key_;  // kept for its memory
  std::uint64_t ticks_ = 0;
};

}  // namespace feed
