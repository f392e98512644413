// The other bridges of the cluster: who is there, which sources they have, and commands to and fro.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "log/past_slices.h"
#include "base/clock.h"
#include "base/result.h"
#include "cluster/cluster_log.h"
#include "cluster/log_pulse.h"
#include "cluster/stall_watch.h"
#include "commands/cluster_report.h"
#include "commands/cluster_switches.h"
#include "commands/command_dispatcher.h"
#include "commands/own_commands.h"
#include "commands/remote_desk.h"
#include "commands/source_watch.h"
#include "engine/jetstream.h"
#include "log/past_reader.h"
#include "log/type_counts.h"
#include "sources/peers.h"
#include "sources/presence.h"

namespace bridge {

// The leader is asked twice a second: where it has not answered for so long there is none, or it is out of reach.
inline constexpr std::int64_t kLeaderHeardUs = 2'000'000;

inline constexpr std::int64_t kFirstForUs = 2'000'000;  // by then who told before has heard of it, and does no more

// What of this bridge the others have to do with.
struct ClusterSides {
  SourceTable& sources;
  SourceWatch& watch;
  TypeCounts& types;  // of what is in the log
  PastReader& journal;
  CommandDispatcher& dispatcher;
  OwnCommands& commands;
};

// One thread: the log's. References must outlive it.
class ClusterPeers final : public NodeLinkListener {
 public:
  // `problem`: why this bridge has no part in the cluster; "": it has.
  ClusterPeers(std::string cluster, std::string node, JetStream& stream, const ClusterLog& part, SharedRows& rows, const Clock& clock,
               ClusterSides sides, std::function<std::string()> problem);

  // From now on others know of this bridge, and it of them.
  Result<bool> start();
  // Call every millisecond.
  void tick();
  // Tells the others that it ends.
  void stop();

  // The bridge's own event of type system_status that is in the log.
  void on_status(std::string_view data);

  // It is the one that tells what is told once for all: of those that work its name is the smallest, and has been for a while.
  bool tells() const { return first_since_us_ >= 0 && clock_.steady_us() >= first_since_us_ + kFirstForUs; }

  ClusterReport report() const;

  void on_heartbeat(const std::string& node, std::string_view heartbeat, std::int64_t now_us) override;
  void on_request(const std::string& to, std::string_view request, std::int64_t now_us) override;
  void on_answer(std::uint64_t no, bool nobody, std::string_view answer, std::int64_t now_us) override;

 private:
  bool able(std::int64_t now_us) const;
  SwitchLinks switch_links();
  void serve_journal(const std::string& to, const PastRequest& request);
  void look_at_switches(std::int64_t now_us);
  void say(bool stopping);
  void tell(const std::vector<Presence::Change>& changes);
  void on_change(const Run& run);

  const std::string cluster_;
  const std::string node_;
  JetStream& stream_;
  const ClusterLog& part_;
  const Clock& clock_;
  const ClusterSides sides_;
  const std::function<std::string()> problem_;
  Peers peers_;
  Presence presence_;
  RemoteDesk desk_;
  StallWatch stalls_;
  LogPulse pulse_;
  std::uint64_t pulse_at_ = 0;  // how far the log was folded
  ClusterSwitches switches_;
  std::int64_t switches_us_ = INT64_MIN / 2;
  std::int64_t first_since_us_ = -1;  // no other that works has a smaller name
  std::size_t serving_ = 0;  // slices of the journal
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
  bool started_ = false;
  bool changed_ = false;  // among the sources, since the last heartbeat
  std::int64_t said_us_ = INT64_MIN / 2;
  std::int64_t looked_us_ = INT64_MIN / 2;  // at all sources
  bool looking_ = false;
  std::uint64_t said_ = 0;
  std::uint64_t left_out_ = 0;
};

}  // namespace bridge
