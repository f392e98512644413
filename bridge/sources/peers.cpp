#include "sources/peers.h"

#include <algorithm>
#include <tuple>

namespace bridge {
namespace {

// A tick that comes so late says that this bridge itself stood still.
constexpr std::int64_t kTickLateUs = 1'000'000;

}  // namespace

std::size_t Peer::live_sources() const {
  return static_cast<std::size_t>(std::count_if(sources.begin(), sources.end(), [](const auto& one) {
    const Run* const run = one.second->current();
    return run != nullptr && run->state != SourceState::gone;
  }));
}

const Peer* Peers::find(std::string_view node) const {
  const auto found = nodes_.find(node);
  return found == nodes_.end() ? nullptr : &found->second;
}

bool Peers::works(std::string_view node) const {
  const Peer* const peer = find(node);
  return peer != nullptr && peer->state == SourceState::live && peer->said.able;
}

bool Peers::is_first(std::string_view node) const {
  return std::none_of(nodes_.begin(), nodes_.end(), [&](const auto& one) { return one.first < node && works(one.first); });
}

std::string Peers::hear(const std::string& node, std::string_view text, std::uint64_t seq, std::int64_t wall_us, std::int64_t now_us) {
  ++counts_.received;
  auto read = read_heartbeat(text, node, now_us);
  if (!read) {
    ++counts_.malformed;
    const bool first = malformed_.size() < kPeersMax && malformed_.insert(node).second;
    return first ? read.error().message : std::string();
  }
  Heartbeat& heartbeat = read.value();
  auto known = nodes_.find(node);
  if (known == nodes_.end()) {
    if (nodes_.size() >= kPeersMax) {
      ++counts_.left_out;
      return {};
    }
    known = nodes_.emplace(node, Peer()).first;
  }
  Peer& peer = known->second;
  runs_ -= peer.runs;
  bytes_ -= peer.bytes;
  if (runs_ + heartbeat.runs > kPeerSourcesMax || bytes_ + text.size() > kPeerBytesMax) {
    counts_.left_out += heartbeat.runs;
    heartbeat.sources.clear();
    heartbeat.runs = 0;
  }
  peer.runs = heartbeat.runs;
  peer.bytes = heartbeat.runs == 0 ? 0 : text.size();
  runs_ += peer.runs;
  bytes_ += peer.bytes;
  peer.sources = std::move(heartbeat.sources);
  peer.said = std::move(heartbeat.head);
  peer.heard_us = now_us;
  peer.clock.heard(peer.said.wall_us, now_us);
  peer.state = peer.said.stopping ? SourceState::gone : SourceState::live;
  peer.clock_ahead_us = peer.said.wall_us - wall_us;
  peer.lag = seq - std::min(seq, peer.said.seq);
  compare(peer);
  return {};
}

void Peers::compare(Peer& peer) {
  if (const auto agrees = agrees_(peer.said.stream_seq, peer.said.hash)) peer.agrees = agrees;
}

void Peers::tick(bool able, std::int64_t now_us) {
  if (!able || now_us > ticked_us_ + kTickLateUs) able_since_us_ = now_us;
  ticked_us_ = now_us;
  for (auto one = nodes_.begin(); one != nodes_.end();) {
    Peer& peer = one->second;
    const std::int64_t silent_us = now_us - peer.heard_us;
    if (silent_us >= kPeerForgottenUs) {
      runs_ -= peer.runs;
      bytes_ -= peer.bytes;
      one = nodes_.erase(one);
      continue;
    }
    ++one;
    compare(peer);
    if (silent_us >= kLiveUs) {
      peer.state = SourceState::gone;
    } else if (silent_us >= kStalledAfterUs && peer.state == SourceState::live) {
      peer.state = SourceState::stalled;
    }
    const std::int64_t unheard_us = now_us - std::max(peer.heard_us, able_since_us_);
    if (unheard_us < kStalledAfterUs) continue;
    const SourceState at_best = unheard_us >= kLiveUs ? SourceState::gone : SourceState::stalled;
    for (const auto& [name, source] : peer.sources) {
      for (const auto& run : source->runs) run->state = std::max(run->state, at_best);
    }
  }
}

bool is_better(const Claim& a, const Claim& b) {
  return std::make_tuple(a.run->state, !a.run->connected(), -a.run->heard_us, a.node) <
         std::make_tuple(b.run->state, !b.run->connected(), -b.run->heard_us, b.node);
}

std::vector<std::pair<std::string_view, const Source*>> sources_named(std::string_view name, const SourceTable& own, const Peers* peers) {
  std::vector<std::pair<std::string_view, const Source*>> found;
  if (const Source* const here = own.find(name)) found.emplace_back(std::string_view(), here);
  if (peers == nullptr) return found;
  for (const auto& [node, peer] : peers->nodes()) {
    const auto there = peer.sources.find(name);
    if (there != peer.sources.end()) found.emplace_back(node, there->second.get());
  }
  return found;
}

}  // namespace bridge
