// Who tells everybody that a source came, fell silent or went, so that it is told once for all bridges of a cluster.
//
// It goes by levels, not by edges: what is so (the best that any node says of a run), and what the shared log says was told
// last. Where these differ, one node tells: the run's home, or, where that is not heard of any more and has not told
// anything just now, the live node whose name is smallest. So nothing is forgotten with a node that dies before it has told, and nothing is told that was told.
// Two nodes that hear different ones at the same moment may both tell; that is said twice, and is not wrong.
// In the same way: that several processes have one name, wherever each is connected, once that has been so for a while; of the
// nodes that have one of them the one whose name is smallest tells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sources/peers.h"

namespace bridge {

inline constexpr std::size_t kToldMax = 8192;  // runs
inline constexpr std::size_t kLookedAtMax = 64;  // sources at a time
inline constexpr std::int64_t kConflictForUs = 1'500'000;  // so long a process that went may seem to be there yet
inline constexpr std::int64_t kToldSoonUs = 10'000'000;  // until then what this node told is on its way into the log

// Pure logic: no thread, no clock. One thread: the log's.
class Presence {
 public:
  struct Change {
    const Run* run;  // of the table, or a peer's: good until either changes
    SourceChange change;
    std::vector<const Run*> processes = {};  // of a conflict: all, likewise
  };

  Presence(std::string node, const SourceTable& own, const Peers& peers) : node_(std::move(node)), own_(own), peers_(peers) {}

  // The log has it that this was told.
  void on_told(std::string_view source, std::string_view run, SourceState state, std::int64_t now_us);

  // The log has it that several processes have that name, or that this is over.
  void on_told_conflict(std::string_view source, bool is);

  // What this node is to tell now of that source, and counts as told by it. `able`: it has part in the cluster.
  std::vector<Change> due(std::string_view source, bool able, std::int64_t now_us);
  // The same of the next few sources, in the order of their names; true where it has come round to the first.
  bool some_due(bool able, std::int64_t now_us, std::vector<Change>* changes);

 private:
  struct Told {
    std::optional<SourceState> logged;  // nothing: nobody told anything yet
    std::int64_t logged_us = 0;
    std::optional<SourceState> mine;    // on its way into the log
    std::int64_t mine_until_us = 0;

    std::optional<SourceState> state(std::int64_t now_us) const { return mine && now_us < mine_until_us ? mine : logged; }
  };
  using Key = std::pair<std::string, std::string>;
  struct Conflict {
    bool logged = false;
    std::optional<bool> mine;
    std::int64_t mine_until_us = 0;
    std::int64_t since_us = -1;  // since when it is otherwise than was told
  };

  Told& told_of(const Key& key);
  void look_for_conflict(std::string_view name, const std::map<std::string_view, Claim>& best, std::int64_t now_us, std::vector<Change>* changes);
  bool is_mine(const Claim& best) const;
  bool another_was_told(const std::string& source, const std::string& run, std::int64_t now_us) const;

  const std::string node_;
  const SourceTable& own_;
  const Peers& peers_;
  std::map<Key, Told> told_;
  std::map<std::string, Conflict, std::less<>> conflicts_;
  std::string after_;  // the name that was looked at last
};

}  // namespace bridge
