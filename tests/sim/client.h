// A client: the cursor of the real one on a wire that may be cut, and what it was promised.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "bridge.h"
#include "feed/cursor.h"
#include "truth.h"
#include "world.h"

namespace sim {

// What it subscribes to.
struct Wanted {
  std::string source;  // "" = any
  std::string type;    // "" = any
  bool covers(const LogEntry& entry) const {
    return (source.empty() || entry.source == source) && (type.empty() || entry.type == type);
  }
};

// DESIGN's invariants 1 and 6 are checked here: it sees its subscription's events in the order of seq,
// each once, or an explicit gap; and each request gets exactly one reply. The world and the truth must
// outlive it.
class SimClient {
 public:
  SimClient(World& world, std::string name, const Truth& truth, std::vector<std::string> targets,
            Wanted wanted, feed::Since since, bool slow);

  void bridge_changed(SimBridge* bridge);
  void cut();
  // No more requests; and it reads as fast as it can.
  void settle();
  // All is quiet: nothing that it was promised is still missing.
  void check_complete() const;

 private:
  using Run = std::pair<std::string, std::string>;
  // The next number of each source's start, as far as known. Of what it does not want of a source it
  // cannot know the next, but what comes is never below.
  using Expected = std::map<Run, std::uint64_t>;

  void disconnect();
  void connect();
  void open();
  void take(const std::string& text);
  void on_reply(const feed::Envelope& envelope, const std::string& text);
  void on_gap(const std::string& text);
  void on_event(const feed::Envelope& envelope, const std::string& text);
  void missed_until(std::uint64_t seq) const;
  void command_now_and_then();

  World& world_;
  const std::string name_;
  const Truth& truth_;
  const std::vector<std::string> targets_;
  const Wanted wanted_;
  feed::Cursor cursor_;
  bool slow_;
  bool settled_ = false;
  SimBridge* bridge_ = nullptr;
  Wire to_bridge_;
  Wire to_client_;
  std::uint64_t attempt_ = 0;
  std::uint64_t connection_ = 0;  // 0 = none
  bool registered_ = false;
  bool resumes_elsewhere_ = false;  // from another epoch's position
  feed::Since asked_since_;
  std::uint64_t last_id_ = 0;
  std::set<std::string> unanswered_;

  std::string epoch_;  // of the bridge's process
  std::optional<std::uint64_t> seen_to_;  // of this connection: every event up to here came, or a gap
  Expected expected_;
  Expected expected_at_cursor_;  // as it was behind the last event that came
  std::set<std::tuple<std::string, std::string, std::uint64_t>> handed_over_;
  std::set<std::pair<std::string, std::uint64_t>> handed_over_seqs_;  // of events without numbers
};

}  // namespace sim
