#include "sources/presence.h"

#include <algorithm>
#include <iterator>

namespace bridge {

void Presence::on_told(std::string_view source, std::string_view run, SourceState state, std::int64_t now_us) {
  Told& told = told_of({std::string(source), std::string(run)});
  told.logged = state;
  told.logged_us = now_us;
  if (told.mine == told.logged) told.mine.reset();
}

void Presence::on_told_conflict(std::string_view source, bool is) {
  const auto known = conflicts_.find(source);
  if (known == conflicts_.end()) {
    if (is && conflicts_.size() < kToldMax) conflicts_[std::string(source)].logged = true;
    return;
  }
  known->second.logged = is;
  if (known->second.mine == is) known->second.mine.reset();
}

// A single published word may be anybody's stray one: those that are connected count.
void Presence::look_for_conflict(std::string_view name, const std::map<std::string_view, Claim>& best, std::int64_t now_us,
                                 std::vector<Change>* changes) {
  std::vector<const Run*> processes;
  std::string_view teller;
  for (const auto& [id, claim] : best) {
    if (claim.run->state != SourceState::live || !claim.run->connected()) continue;
    processes.push_back(claim.run);
    const std::string_view home = claim.node.empty() ? std::string_view(node_) : claim.node;
    if ((claim.node.empty() || peers_.works(claim.node)) && (teller.empty() || home < teller)) teller = home;
  }
  const bool is = processes.size() >= 2;
  auto known = conflicts_.find(name);
  if (known == conflicts_.end()) {
    if (!is || conflicts_.size() >= kToldMax) return;
    known = conflicts_.emplace(name, Conflict()).first;
  }
  Conflict& conflict = known->second;
  const bool told = conflict.mine && now_us < conflict.mine_until_us ? *conflict.mine : conflict.logged;
  if (is == told) {
    conflict.since_us = -1;
    if (!is && !conflict.logged && !conflict.mine) conflicts_.erase(known);
    return;
  }
  if (conflict.since_us < 0) conflict.since_us = now_us;
  if (processes.empty() || teller != node_ || (is && now_us < conflict.since_us + kConflictForUs)) return;
  conflict.mine = is;
  conflict.mine_until_us = now_us + kToldSoonUs;
  changes->push_back({processes.front(), is ? SourceChange::conflict : SourceChange::conflict_over, std::move(processes)});
}

Presence::Told& Presence::told_of(const Key& key) {
  if (told_.size() >= kToldMax && told_.count(key) == 0) {
    for (auto one = told_.begin(); one != told_.end();) {
      one = one->second.logged == SourceState::gone ? told_.erase(one) : std::next(one);
    }
    if (told_.size() >= kToldMax) told_.clear();  // those that are there are told of once more
  }
  return told_[key];
}

// The home tells. Where it is not heard of, the first of those that are does.
bool Presence::is_mine(const Claim& best) const {
  if (best.node.empty()) return true;
  return !peers_.works(best.node) && peers_.is_first(node_);
}

bool Presence::another_was_told(const std::string& source, const std::string& run, std::int64_t now_us) const {
  for (auto one = told_.lower_bound({source, std::string()}); one != told_.end() && one->first.first == source; ++one) {
    const auto state = one->second.state(now_us);
    if (one->first.second != run && state && *state != SourceState::gone) return true;
  }
  return false;
}

std::vector<Presence::Change> Presence::due(std::string_view name, bool able, std::int64_t now_us) {
  std::vector<Change> changes;
  if (!able) return changes;
  std::map<std::string_view, Claim> best;  // of each run
  for (const auto& [node, source] : sources_named(name, own_, &peers_)) {
    for (const auto& run : source->runs) {
      if (!run->announces || run->ended()) continue;
      const Claim claim{node, run.get()};
      const auto [found, added] = best.emplace(run->id, claim);
      if (!added && is_better(claim, found->second)) found->second = claim;
    }
  }
  look_for_conflict(name, best, now_us, &changes);
  for (const auto& [id, claim] : best) {
    const Run& run = *claim.run;
    if (!is_mine(claim)) continue;
    const Key key(run.source->name, run.id);
    const auto known = told_.find(key);
    const std::optional<SourceState> was = known == told_.end() ? std::nullopt : known->second.state(now_us);
    // What nobody was told to be there has not gone.
    if (was == run.state || (!was && run.state != SourceState::live)) continue;
    // Who has just told of it is there, and its heartbeat on its way.
    if (!claim.node.empty() && known != told_.end() && known->second.logged && now_us < known->second.logged_us + kStalledAfterUs) continue;
    // While another process of that name lives, what becomes of this one is nobody's concern.
    const bool others = std::any_of(best.begin(), best.end(), [&run](const auto& other) {
      return other.second.run->id != run.id && other.second.run->state != SourceState::gone;
    });
    if (others && run.state != SourceState::live) continue;
    SourceChange change = SourceChange::gone;
    if (run.state == SourceState::stalled) {
      change = SourceChange::stalled;
    } else if (run.state == SourceState::live) {
      const bool restarted = !was && !others && another_was_told(key.first, key.second, now_us);
      change = was == SourceState::stalled ? SourceChange::recovered
               : restarted                 ? SourceChange::restarted
                                           : SourceChange::connected;
    }
    Told& told = told_of(key);
    told.mine = run.state;
    told.mine_until_us = now_us + kToldSoonUs;
    changes.push_back({&run, change, {}});
  }
  // Of runs that have ended nothing will be told.
  for (auto one = told_.lower_bound({std::string(name), std::string()}); one != told_.end() && one->first.first == name;) {
    one = best.count(one->first.second) == 0 ? told_.erase(one) : std::next(one);
  }
  return changes;
}

bool Presence::some_due(bool able, std::int64_t now_us, std::vector<Change>* changes) {
  for (std::size_t i = 0; able && i < kLookedAtMax; ++i) {
    const std::string* next = nullptr;
    const auto look = [this, &next](const SourceTable::Sources& sources) {
      const auto found = sources.upper_bound(after_);
      if (found != sources.end() && (next == nullptr || found->first < *next)) next = &found->first;
    };
    look(own_.sources());
    for (const auto& [node, peer] : peers_.nodes()) look(peer.sources);
    if (next == nullptr) break;
    after_ = *next;
    for (const Change& change : due(after_, able, now_us)) changes->push_back(change);
    if (i + 1 == kLookedAtMax) return false;
  }
  after_.clear();
  return true;
}

}  // namespace bridge
