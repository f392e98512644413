// The other bridges of a cluster, as their heartbeats tell: how far each is, and which sources are there.
//
// All of it is others' word and bounded: nodes, their sources, and the bytes of all together. Who has not been heard of for
// kStalledAfterUs is stalled, after kLiveUs gone, after kPeerForgottenUs forgotten, and its sources with it. While this
// bridge could hear nobody, nobody's silence counts.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sources/heartbeat.h"

namespace bridge {

inline constexpr std::size_t kPeersMax = 255;
inline constexpr std::size_t kPeerSourcesMax = 8192;  // of all, with each of their runs
inline constexpr std::size_t kPeerBytesMax = 32 << 20;  // likewise, as their heartbeats had them
inline constexpr std::int64_t kPeerForgottenUs = 600'000'000;

// What a node's clock shows by the steady clock here: of its heartbeats of the last two minutes the one that was quickest
// tells. So what waited somewhere, or came while this process stood still, is not taken for new.
class PeerClock {
 public:
  void heard(std::int64_t wall_us, std::int64_t steady_us) {
    behind_us_[count_++ % behind_us_.size()] = steady_us - wall_us;
  }
  std::optional<std::int64_t> steady_of(std::int64_t wall_us) const {
    if (count_ == 0) return std::nullopt;
    return wall_us + *std::min_element(behind_us_.begin(), behind_us_.begin() + static_cast<std::ptrdiff_t>(std::min(count_, behind_us_.size())));
  }

 private:
  std::array<std::int64_t, 128> behind_us_ = {};
  std::size_t count_ = 0;
};

struct Peer {
  HeartbeatHead said;
  PeerClock clock;
  SourceTable::Sources sources;
  std::int64_t heard_us = 0;         // steady clock
  std::int64_t clock_ahead_us = 0;   // its wall clock, with the heartbeat's way in it
  std::uint64_t lag = 0;             // events that it was behind the newest that was known here
  std::optional<bool> agrees;        // nothing: not known
  SourceState state = SourceState::live;
  std::size_t runs = 0;
  std::size_t bytes = 0;
  std::size_t live_sources() const;
};

struct PeersCounts {
  std::uint64_t received = 0;
  std::uint64_t malformed = 0;
  std::uint64_t left_out = 0;  // nodes, and heartbeats' sources, that had no room
};

// Pure logic: no thread, no clock. One thread: the log's.
class Peers {
 public:
  using Nodes = std::map<std::string, Peer, std::less<>>;
  // Whether this bridge has made the same of the shared log up to there; nothing: it cannot tell, or not yet.
  using Agrees = std::function<std::optional<bool>(std::uint64_t stream_seq, std::uint64_t hash)>;

  explicit Peers(Agrees agrees) : agrees_(std::move(agrees)) {}

  // A heartbeat that came. `seq`: the newest event here. Empty, or what is wrong with it, the first time for that node.
  std::string hear(const std::string& node, std::string_view heartbeat, std::uint64_t seq, std::int64_t wall_us, std::int64_t now_us);

  // Call a few times a second. `able`: this bridge could hear the others just now.
  void tick(bool able, std::int64_t now_us);

  const Nodes& nodes() const { return nodes_; }
  const Peer* find(std::string_view node) const;
  // Heard of lately, with part in the cluster.
  bool works(std::string_view node) const;
  // No other that works has a smaller name.
  bool is_first(std::string_view node) const;
  const PeersCounts& counts() const { return counts_; }

 private:
  void compare(Peer& peer);

  const Agrees agrees_;
  Nodes nodes_;
  std::set<std::string> malformed_;  // whose heartbeats were, as told
  PeersCounts counts_;
  std::size_t runs_ = 0;
  std::size_t bytes_ = 0;
  std::int64_t able_since_us_ = INT64_MIN;
  std::int64_t ticked_us_ = INT64_MIN;
};

// What one node says of a run.
struct Claim {
  std::string_view node;  // empty: this one
  const Run* run = nullptr;
};

// A better claim comes first: who has it live before who has not, who is connected, who heard of it last.
bool is_better(const Claim& a, const Claim& b);

// What each node that has the source says of it, this one's first. `peers` null: there are none.
std::vector<std::pair<std::string_view, const Source*>> sources_named(std::string_view name, const SourceTable& own, const Peers* peers);

}  // namespace bridge
