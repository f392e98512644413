#include "node.h"

#include <algorithm>

namespace sim {
namespace {

constexpr char kRun[] = "r1";
constexpr std::size_t kPayloadMax = 1 << 20;
constexpr std::uint64_t kReplayMax = 50;

bridge::ClusterNode node_of(const std::string& name) {
  bridge::ClusterNode node;
  node.name = name;
  node.payload_bytes_max = kPayloadMax;
  node.proposal_events_max = 8;  // so that several are under way at a time
  node.checkpoints = {700 * kMs, 500, 1 << 20, 200 * kMs};
  return node;
}

}  // namespace

ClusterSimNode::ClusterSimNode(World& world, SimStream& stream, std::string name, Disk& disk, bool fresh, Record* record)
    : world_(world), name_(std::move(name)), disk_(disk), link_(world, stream), fresh_(fresh), record_(record), told_(disk.log),
      epoch_(disk.epoch) {
  search();
  every_tick();
}

void ClusterSimNode::search() {
  search_ = std::make_unique<bridge::JoinSearch>(bridge::JoinFrom{disk_.fold, disk_.log.size(), fresh_}, link_,
                                                 bridge::Fold(kPayloadMax));
  link_.set_listener(search_.get());
}

void ClusterSimNode::join() {
  from_checkpoint_ = search_->from_checkpoint();
  log_.reset(new bridge::ClusterLog(node_of(name_), link_, *this, search_->saved()));  // its sink is nobody else's business
  link_.set_listener(log_.get());
  search_.reset();
  const bridge::Fold& fold = log_->fold();
  if (fold.last_seq() > told_.size()) world_.note(name_ + " leaves out events");
  while (told_.size() < fold.last_seq()) told_.push_back({"", 0, -1});
  if (!fold.epochs().empty()) epoch_ = fold.epochs().back().name;
}

void ClusterSimNode::every_tick() {
  if (search_) {
    search_->tick(world_.clock.steady_us());
    // Where there is nothing to begin with it is started again, as a service would be.
    if (search_->done()) {
      told_behind_ = search_->behind();
      told_behind_ ? search() : join();
    }
  }
  if (joined()) log_->tick(world_.clock.steady_us(), world_.clock.wall_us(), true);
  world_.after(2 * kMs, [this, alive = std::weak_ptr<char>(alive_)] {
    if (!alive.expired()) every_tick();
  });
}

void ClusterSimNode::save() {
  if (!joined() || log_->trouble() != bridge::ClusterTrouble::none) return;
  disk_.fold = log_->fold().save();
  disk_.log = told_;
  disk_.epoch = epoch_;
}

void ClusterSimNode::take(ClusterSource& source, std::uint64_t source_seq) {
  if (!joined() || !log_->ready()) return;
  std::uint64_t& last = proposed_to_[source.name()];
  last = std::max(last, log_->fold().position_of(source.name(), kRun).value_or(0));
  if (source_seq <= last) return;
  if (source_seq > last + 1) {
    source.replay(*this, last + 1);
    return;
  }
  last = source_seq;
  bridge::Envelope event;
  event.type = "t";
  event.data = R"({"x":1})";
  event.source = source.name();
  event.run = kRun;
  event.source_seq = source_seq;
  log_->proposer().add(event, world_.clock.wall_us());
}

bool ClusterSimNode::publish_own() {
  if (!joined() || !log_->ready()) return false;
  bridge::Envelope event;
  event.type = "t";
  event.data = "{}";
  event.source = bridge::kOwnSource;
  log_->proposer().add(event, world_.clock.wall_us());
  return true;
}

void ClusterSimNode::on_epoch(const bridge::FoldEpoch& epoch) {
  require(epoch_.empty() || epoch_ == epoch.name, name_ + " began a second epoch");
  epoch_ = epoch.name;
}

void ClusterSimNode::on_event(const bridge::EventLine& line, std::uint64_t seq, std::int64_t stamp_us) {
  const Told told{line.tracked() ? std::string(line.source) : "", line.source_seq, stamp_us};
  if (record_ != nullptr && seq == record_->size() + 1) record_->push_back(told);
  require(record_ == nullptr || (seq <= record_->size() && told == (*record_)[seq - 1]), name_ + " was told another event under a number");
  if (seq <= told_.size()) {  // it is read again
    require(told.agrees(told_[seq - 1]), name_ + " reads something else than it had");
    return;
  }
  require(seq == told_.size() + 1, name_ + " has a hole in its numbers");
  require(told_.empty() || told_.back().stamp_us <= stamp_us, name_ + "'s stamps went back");
  told_.push_back(told);
}

void ClusterSimNode::on_taken_back(const std::string& source, const std::string&, std::uint64_t last) {
  world_.note(name_ + " takes back " + source);
  proposed_to_[source] = last;
}

void ClusterSource::publish() {
  ++head_;
  for (ClusterSimNode* node : nodes_) node->take(*this, head_);
}

void ClusterSource::replay(ClusterSimNode& node, std::uint64_t from) {
  for (std::uint64_t seq = from; seq <= std::min(head_, from + kReplayMax); ++seq) node.take(*this, seq);
}

}  // namespace sim
