// A bridge of a cluster without its sockets, and sources that send to it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cluster/cluster_log.h"
#include "stream.h"
#include "world.h"

namespace sim {

// An event as a node's log has it; "" is what nobody counts.
struct Told {
  std::string source;
  std::uint64_t source_seq = 0;
  std::int64_t stamp_us = 0;
  bool operator==(const Told& other) const {
    return source == other.source && source_seq == other.source_seq && stamp_us == other.stamp_us;
  }
};

class ClusterSource;

// One process of a bridge, from its start to its end. The world, the stream and `disk` must outlive it.
class ClusterSimNode final : private bridge::ClusterSink {
 public:
  // What a journal holds: the fold and all events up to it, written together.
  struct Disk {
    std::string fold;
    std::vector<Told> log;
    std::string epoch;
  };

  ClusterSimNode(World& world, SimStream& stream, std::string name, Disk& disk);

  const bridge::ClusterLog& log() const { return log_; }
  bridge::ClusterLog& log() { return log_; }
  SimStreamLink& link() { return link_; }
  const std::vector<Told>& told() const { return told_; }
  const std::string& epoch() const { return epoch_; }
  // Nothing waits to be proposed or folded.
  bool idle() { return log_.ready() && log_.proposer().idle() && log_.behind() == 0; }

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

  World& world_;
  const std::string name_;
  Disk& disk_;
  SimStreamLink link_;
  bridge::ClusterLog log_;
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
