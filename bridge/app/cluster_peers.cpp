#include "app/cluster_peers.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/loop_turns.h"
#include "event/event_fields.h"

namespace bridge {
namespace {

constexpr std::int64_t kHeartbeatUs = 1'000'000;
constexpr std::int64_t kHeartbeatSoonUs = 100'000;  // where something has changed
constexpr std::int64_t kLookUs = 250'000;
constexpr std::int64_t kSwitchesUs = 20'000;
constexpr std::size_t kServingMax = 2;  // slices of the journal at a time
constexpr std::size_t kSliceBytes = 512 * 1024;

}  // namespace

ClusterPeers::ClusterPeers(std::string cluster, std::string node, JetStream& stream, const ClusterLog& part, SharedRows& rows, const Clock& clock,
                           ClusterSides sides, std::function<std::string()> problem)
    : cluster_(std::move(cluster)),
      node_(std::move(node)),
      stream_(stream),
      part_(part),
      clock_(clock),
      sides_(sides),
      problem_(std::move(problem)),
      peers_([this](std::uint64_t seq, std::uint64_t hash) { return part_.fold().agrees(seq, hash); }),
      presence_(node_, sides_.sources, peers_),
      desk_(node_, stream, clock, [this](RemoteCommand wanted, auto answer) { sides_.dispatcher.serve(std::move(wanted), std::move(answer)); }),
      switches_(node_, rows, clock, switch_links()) {}

SwitchLinks ClusterPeers::switch_links() {
  SwitchLinks links;
  links.problem = problem_;
  links.is_live = [this](const std::string& node) { return node == node_ || peers_.works(node); };
  links.is_first = [this] { return peers_.is_first(node_); };
  links.told = [this](const std::string& name, const std::string& params) { return sides_.dispatcher.switches().told(name, params); };
  links.issue = [this](const auto& name, const auto& params, const auto& key, bool here_only, auto done) {
    sides_.dispatcher.switches().issue(name, params, key, here_only, std::move(done));
  };
  return links;
}

Result<bool> ClusterPeers::start() {
  sides_.dispatcher.router().set_peers(&peers_, &desk_);
  sides_.dispatcher.switches().set_cluster(&switches_, node_);
  sides_.commands.set_peers(&peers_, node_);
  sides_.commands.set_cluster([this] { return report(); });
  sides_.watch.set_presence([this](const Run& run) { on_change(run); });
  auto listening = stream_.listen(*this);
  started_ = listening.ok();
  return listening;
}

bool ClusterPeers::able(std::int64_t now_us) const {
  return part_.ready() && part_.end_heard_us() > now_us - kLeaderHeardUs && problem_().empty();
}

void ClusterPeers::tick() {
  const std::int64_t now_us = clock_.steady_us();
  stalls_.tick(!part_.proposer().idle(), part_.fold().stream_seq(), now_us);
  if (!started_) return;
  desk_.tick();
  look_at_switches(now_us);
  if (now_us >= said_us_ + (changed_ ? kHeartbeatSoonUs : kHeartbeatUs)) say(false);
  if (!looking_ && now_us < looked_us_ + kLookUs) return;
  const TurnPart part("other bridges");
  const bool able = this->able(now_us);
  if (!std::exchange(looking_, true)) peers_.tick(able, now_us);
  std::vector<Presence::Change> changes;
  looking_ = !presence_.some_due(able, now_us, &changes);
  if (!looking_) looked_us_ = now_us;
  tell(changes);
}

void ClusterPeers::look_at_switches(std::int64_t now_us) {
  const std::uint64_t at = part_.fold().stream_seq();
  pulse_.tick(able(now_us) && (std::exchange(pulse_at_, at) != at || (part_.behind() == 0 && part_.proposer().idle())), now_us);
  if (now_us < switches_us_ + kSwitchesUs) return;
  switches_us_ = now_us;
  if (!able(now_us) || !peers_.is_first(node_)) {
    first_since_us_ = -1;
  } else if (first_since_us_ < 0) {
    first_since_us_ = now_us;
  }
  switches_.tick(pulse_);
}

void ClusterPeers::stop() {
  say(true);
  started_ = false;
}

void ClusterPeers::say(bool stopping) {
  // Where another process has this node's name, that one speaks.
  if (!started_ || part_.trouble() == ClusterTrouble::replaced) return;
  const std::int64_t now_us = clock_.steady_us();
  HeartbeatHead head;
  head.node = node_;
  head.wall_us = clock_.wall_us();
  head.stopping = stopping;
  head.able = able(now_us);
  head.stream_seq = part_.fold().stream_seq();
  head.hash = part_.fold().hash();
  head.seq = part_.fold().last_seq();
  std::size_t left_out = 0;
  stream_.tell(write_heartbeat(head, sides_.sources, now_us, &left_out));
  left_out_ += left_out;
  ++said_;
  said_us_ = now_us;
  changed_ = false;
}

void ClusterPeers::on_change(const Run& run) {
  changed_ = true;
  const std::int64_t now_us = clock_.steady_us();
  tell(presence_.due(run.source->name, able(now_us), now_us));
}

void ClusterPeers::tell(const std::vector<Presence::Change>& changes) {
  for (const Presence::Change& change : changes) sides_.watch.tell(*change.run, change.change, change.processes);
}

void ClusterPeers::on_status(std::string_view data) {
  std::string_view status, source, run;
  read_members(data, {{"status", &status}, {"source", &source}, {"run", &run}});
  if (status == R"("source_conflict")" || status == R"("source_conflict_over")") {
    return presence_.on_told_conflict(text_of(source).value_or(""), status == R"("source_conflict")");
  }
  const auto state = status == R"("source_connected")" ? std::optional(SourceState::live)
                     : status == R"("source_stalled")" ? std::optional(SourceState::stalled)
                     : status == R"("source_gone")"    ? std::optional(SourceState::gone)
                                                       : std::nullopt;
  if (state) presence_.on_told(text_of(source).value_or(""), text_of(run).value_or(""), *state, clock_.steady_us());
}

void ClusterPeers::on_heartbeat(const std::string& node, std::string_view heartbeat, std::int64_t now_us) {
  const std::string wrong = peers_.hear(node, heartbeat, part_.fold().last_seq(), clock_.wall_us(), now_us);
  if (!wrong.empty()) log_warn("cluster_heartbeat", "cluster: the heartbeat of {} cannot be read: {}", node, printable(wrong, 200));
}

void ClusterPeers::on_request(const std::string& to, std::string_view request, std::int64_t) {
  if (part_.trouble() == ClusterTrouble::replaced) return;
  if (const auto past = read_past_request(request)) return serve_journal(to, *past);
  desk_.on_request(to, request, [this](const std::string& node, std::int64_t wall_us) {
    const Peer* const peer = peers_.find(node);
    return peer == nullptr ? std::nullopt : peer->clock.steady_of(wall_us);
  });
}

// Who asks has a patience of seconds, and asks another then.
void ClusterPeers::serve_journal(const std::string& to, const PastRequest& request) {
  if (serving_ >= kServingMax || !problem_().empty()) return;
  ++serving_;
  sides_.journal.read(request.after + 1, [this, to, request, alive = std::weak_ptr<char>(alive_)](const PastReader::Slice& slice) {
    if (alive.expired()) return;
    --serving_;
    if (slice.unreadable) return;
    stream_.answer(to, write_past_slice(request, slice.blocks, std::min(kSliceBytes, stream_.word_bytes_max() / 2)));
  });
}

void ClusterPeers::on_answer(std::uint64_t no, bool nobody, std::string_view answer, std::int64_t) { desk_.on_answer(no, nobody, answer); }

ClusterReport ClusterPeers::report() const {
  const std::int64_t now_us = clock_.steady_us();
  const Fold& fold = part_.fold();
  ClusterReport report;
  report.name = cluster_;
  report.node = node_;
  report.problem = problem_();
  report.leader = stream_.leader();
  report.stream_seq = fold.stream_seq();
  report.seq = fold.last_seq();
  report.behind = part_.behind();
  report.checkpoint = part_.checkpoints().newest().at;
  report.proposed_bytes = part_.proposer().bytes();
  report.stalls = stalls_.count();
  report.stall_longest_us = stalls_.longest_us();
  report.stalled_us = stalls_.stalled_us();
  report.heartbeats_sent = said_;
  report.heartbeats = peers_.counts();
  report.heartbeats.left_out += left_out_ + stream_.words_dropped();
  report.commands = desk_.counts();
  report.commands_waiting = desk_.waiting();
  report.warnings = stream_.warnings();
  ClusterNodeReport here;
  here.node = node_;
  here.here = true;
  here.stream_seq = report.stream_seq;
  here.seq = report.seq;
  for (const auto& [name, source] : sides_.sources.sources()) {
    const Run* const run = source->current();
    if (source->first_seen_us != 0 && run != nullptr && run->state != SourceState::gone) ++here.sources;
  }
  for (const auto& [name, peer] : peers_.nodes()) {
    ClusterNodeReport node;
    node.node = name;
    node.state = peer.state;
    node.heard_us = now_us - peer.heard_us;
    node.stream_seq = peer.said.stream_seq;
    node.seq = peer.said.seq;
    node.lag = peer.lag;
    node.agrees = peer.agrees;
    node.clock_ahead_us = peer.clock_ahead_us;
    node.sources = peer.live_sources();
    if (peer.state != SourceState::gone) here.lag = std::max(here.lag, peer.said.seq - std::min(peer.said.seq, here.seq));
    report.nodes.push_back(std::move(node));
  }
  report.nodes.push_back(std::move(here));
  std::sort(report.nodes.begin(), report.nodes.end(), [](const auto& a, const auto& b) { return a.node < b.node; });
  return report;
}

}  // namespace bridge
