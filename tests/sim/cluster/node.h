// A bridge of a cluster without its sockets, and sources that send to it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/cluster_log.h"
#include "cluster/join_search.h"
#include "stream.h"
#include "world.h"

namespace sim {

// An event as a node's log has it; "" is what nobody counts. Without a stamp: one that this node's log lacks, as it was
// left out when it joined.
struct Told {
  std::string source;
  std::uint64_t source_seq = 0;
  std::int64_t stamp_us = 0;
  bool operator==(const Told& other) const {
    return source == other.source && source_seq == other.source_seq && stamp_us == other.stamp_us;
  }
  bool left_out() const { return stamp_us < 0; }
  // The same event, as far as both have it.
  bool agrees(const Told& other) const { return left_out() || other.left_out() || *this == other; }
};

// All events that any node was ever told, by their numbers.
using Record = std::vector<Told>;

class ClusterSource;

// One process of a bridge, from its start to its end. The world, the stream and `disk` must outlive it.
class ClusterSimNode final : private bridge::ClusterSink {
 public:
  // What a journal holds: all events up to a fold, and that fold, which may be lost.
  struct Disk {
    std::string fold;
    std::vector<Told> log;
    std::string epoch;
  };

  // `fresh`: with an empty disk it begins at a checkpoint. `record` is null where nodes may be told different things.
  ClusterSimNode(World& world, SimStream& stream, std::string name, Disk& disk, bool fresh, Record* record);

  // It has found where to begin; what follows REQUIRES that.
  bool joined() const { return log_ != nullptr; }
  // Its disk is lost, and the log has let go of its beginning and holds no checkpoint: it says so, and cannot begin.
  bool has_nothing_to_begin_with() const { return !joined() && told_behind_; }
  const bridge::ClusterLog& log() const { return *log_; }
  bridge::ClusterTrouble trouble() const { return joined() ? log_->trouble() : bridge::ClusterTrouble::none; }
  std::uint64_t resent() const { return joined() ? log_->proposer().resent() : 0; }
  bool from_checkpoint() const { return from_checkpoint_; }
  SimStreamLink& link() { return link_; }
  const std::vector<Told>& told() const { return told_; }
  const std::string& epoch() const { return epoch_; }
  // Nothing waits to be proposed or folded.
  bool idle() const { return joined() && log_->ready() && log_->proposer().idle() && log_->behind() == 0; }

  // An event of a source. Where those before it are missing, the source is asked for them.
  void take(ClusterSource& source, std::uint64_t source_seq);
  // One of the bridge's own. False where it takes none yet.
  bool publish_own();
  void save();

 private:
  void on_epoch(const bridge::FoldEpoch& epoch) override;
  void on_event(const bridge::EventLine& line, std::uint64_t seq, std::int64_t stamp_us) override;
  void on_taken_back(const std::string& source, const std::string& run, std::uint64_t last) override;
  void every_tick();
  void search();
  void join();

  World& world_;
  const std::string name_;
  Disk& disk_;
  SimStreamLink link_;
  const bool fresh_;
  Record* const record_;
  std::unique_ptr<bridge::JoinSearch> search_;
  std::unique_ptr<bridge::ClusterLog> log_;
  bool from_checkpoint_ = false;
  bool told_behind_ = false;
  std::vector<Told> told_;
  std::string epoch_;
  std::map<std::string, std::uint64_t> proposed_to_;  // of each source
  const std::shared_ptr<char> alive_ = std::make_shared<char>();
};

// A process that publishes, keeps what it has published, and may send to two bridges at a time.
class ClusterSource {
 public:
  ClusterSource(World& world, std::string name) : world_(world), name_(std::move(name)) {}

  const std::string& name() const { return name_; }
  std::uint64_t head() const { return head_; }
  void connect(std::vector<ClusterSimNode*> nodes) { nodes_ = std::move(nodes); }
  void publish();
  // Sends again from there on, to that node.
  void replay(ClusterSimNode& node, std::uint64_t from);

 private:
  World& world_;
  const std::string name_;
  std::uint64_t head_ = 0;
  std::vector<ClusterSimNode*> nodes_;
};

}  // namespace sim
