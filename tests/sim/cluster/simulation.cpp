#include "simulation.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "node.h"

namespace sim {
namespace {

constexpr std::size_t kNodes = 3;
constexpr std::size_t kSources = 3;
constexpr std::int64_t kStormUs = 4'000 * kMs;
constexpr std::int64_t kSpeakUs = 10'000 * kMs;
constexpr std::int64_t kCalmUs = 40'000 * kMs;  // within which all must have come to rest

// What the seed does to the log itself, which no broker should ever do.
enum class Damage { none, cut_back, two_histories };

bool agree(const Told& a, const Told& b) { return a.agrees(b); }

class ClusterSimulation {
 public:
  ClusterSimulation(std::uint64_t seed, ClusterOutcome& outcome)
      : world(seed), damage_(draw_damage()), stream_(world, draw_manners()), outcome_(outcome) {
    look_after();
    for (std::size_t i = 0; i < kNodes; ++i) start(i);
    for (std::size_t i = 0; i < kSources; ++i) {
      sources_.push_back(std::make_unique<ClusterSource>(world, "s" + std::to_string(i)));
      publish(i);
      move(i);
    }
    kill_now_and_then();
    for (std::size_t i = 0; i < kNodes; ++i) own_events(i);
    if (damage_ != Damage::none) world.after(world.random.between(1000 * kMs, kStormUs), [this] { damage(); });
  }

  void run() {
    while (world.step(kStormUs)) check();
    storm_ = false;
    stream_.settle();
    for (std::size_t i = 0; i < kNodes; ++i) {
      if (!nodes_[i]) start(i);
    }
    for (std::size_t i = 0; i < kSources; ++i) reconnect(i);
    // Someone who waits for missing events hears of the newest again, as announcements would see to.
    nudge();
    if (damage_ == Damage::none) {
      while (world.step(kStormUs + kCalmUs) && (++steps_ % 64 != 0 || !(at_rest() || nothing_is_left()))) check();
    } else {
      // Who says nothing is not found out: all go on speaking for a while.
      for (std::size_t i = 0; i < kNodes; ++i) speak(i);
      while (world.step(kStormUs + kSpeakUs + kCalmUs / 8)) {
      }
    }
    for (const auto& node : nodes_) {
      outcome_.resent += node->resent();
      outcome_.checkpoints_joined += node->from_checkpoint() ? 1 : 0;
    }
    outcome_.let_go = stream_.first_seq() - 1;
    outcome_.messages = stream_.last_seq();
    if (damage_ == Damage::none) {
      check_complete();
    } else {
      check_told();
    }
  }

  World world;

 private:
  Damage draw_damage() {
    if (!world.random.one_in(16)) return Damage::none;
    return world.random.one_in(2) ? Damage::cut_back : Damage::two_histories;
  }

  StreamManners draw_manners() {
    StreamManners manners;
    Random& random = world.random;
    const auto some = [&random](std::uint64_t n) { return random.one_in(3) ? 0 : 2 + random.below(n); };
    manners.loses_one_in = some(60);
    manners.late_one_in = some(60);
    manners.lost_acks_one_in = some(20);
    manners.slow_us = random.one_in(3) ? 30 * kMs : 2 * kMs;
    manners.lag_us = random.one_in(2) ? 0 : random.between(0, 300 * kMs);
    manners.calm_us_max = random.one_in(2) ? 0 : 3000 * kMs;
    if (damage_ == Damage::none && !random.one_in(3)) manners.keeps = 5 + random.below(150);
    return manners;
  }

  void start(std::size_t i) {
    if (!disks_[i]) disks_[i] = std::make_unique<ClusterSimNode::Disk>();
    nodes_[i] = std::make_unique<ClusterSimNode>(world, stream_, "n" + std::to_string(i), *disks_[i], world.random.one_in(2),
                                                 damage_ == Damage::none ? &record_ : nullptr);
  }

  void end(std::size_t i) {
    outcome_.resent += nodes_[i]->resent();
    outcome_.checkpoints_joined += nodes_[i]->from_checkpoint() ? 1 : 0;
    nodes_[i].reset();
    for (std::size_t s = 0; s < kSources; ++s) reconnect(s);
  }

  // Whoever says that the log has let go of what it has yet to read is started again.
  void look_after() {
    for (std::size_t i = 0; i < kNodes; ++i) {
      if (!nodes_[i] || damage_ != Damage::none || nodes_[i]->trouble() != bridge::ClusterTrouble::behind) continue;
      world.note("too far behind: " + std::to_string(i));
      end(i);
      start(i);
      for (std::size_t s = 0; s < kSources; ++s) reconnect(s);
    }
    world.after(300 * kMs, [this] { look_after(); });
  }

  void publish(std::size_t i) {
    if (!storm_) return;
    for (std::uint64_t n = world.random.below(8); n > 0; --n) sources_[i]->publish();
    world.after(world.random.between(5 * kMs, 80 * kMs), [this, i] { publish(i); });
  }

  // To one node, or to two at a time, or to none.
  void reconnect(std::size_t i) {
    std::vector<ClusterSimNode*> to;
    for (auto& node : nodes_) {
      if (node && (!storm_ ? to.empty() : world.random.one_in(2))) to.push_back(node.get());
    }
    sources_[i]->connect(std::move(to));
  }
  void move(std::size_t i) {
    if (!storm_) return;
    reconnect(i);
    world.after(world.random.between(50 * kMs, 3000 * kMs), [this, i] { move(i); });
  }

  void own_events(std::size_t i) {
    if (!storm_) return;
    if (nodes_[i] && world.random.one_in(3)) nodes_[i]->publish_own();
    world.after(world.random.between(5 * kMs, 300 * kMs), [this, i] { own_events(i); });
  }

  void speak(std::size_t i) {
    if (world.clock.steady_us() > kStormUs + kSpeakUs) return;
    nodes_[i]->publish_own();
    world.after(world.random.between(50 * kMs, 300 * kMs), [this, i] { speak(i); });
  }

  void kill_now_and_then() {
    world.after(world.random.between(200 * kMs, 1500 * kMs), [this] {
      if (!storm_) return;
      const auto i = static_cast<std::size_t>(world.random.below(kNodes));
      if (nodes_[i]) {
        if (world.random.one_in(2)) nodes_[i]->save();
        // Its journal may be gone with it.
        if (world.random.one_in(4)) *disks_[i] = ClusterSimNode::Disk();
        if (world.random.one_in(8) && damage_ == Damage::none) disks_[i]->fold.clear();
        world.note("kill " + std::to_string(i));
        if (damage_ != Damage::none && nodes_[i]->trouble() != bridge::ClusterTrouble::none) ++outcome_.damage_told;
        end(i);
        ++outcome_.restarts;
        world.after(world.random.between(1 * kMs, 3000 * kMs), [this, i] {
          if (!nodes_[i]) start(i);
        });
      }
      kill_now_and_then();
    });
  }

  void damage() {
    if (stream_.last_seq() < 10) return;
    const std::uint64_t seq = stream_.last_seq() - world.random.below(std::min<std::uint64_t>(stream_.last_seq() - 2, 50));
    world.note((damage_ == Damage::cut_back ? "cut back to before " : "two histories at ") + std::to_string(seq));
    if (damage_ == Damage::cut_back) {
      stream_.cut_back(seq - 1);
      return;
    }
    const auto i = static_cast<std::size_t>(world.random.below(kNodes));
    // Only what it has yet to read can it read wrongly.
    if (nodes_[i]) nodes_[i]->link().falsify(stream_.last_seq() + 1, "what nobody wrote");
  }

  void nudge() {
    for (std::size_t i = 0; i < kSources; ++i) {
      for (auto& node : nodes_) {
        if (sources_[i]->head() != 0 && node == nodes_.front()) node->take(*sources_[i], sources_[i]->head());
      }
    }
    world.after(100 * kMs, [this] { nudge(); });
  }

  // Whatever happens: nodes agree on what they have.
  void check() {
    if (damage_ != Damage::none || ++steps_ % 256 != 0) return;
    compare(false);
  }
  void compare(bool all) {
    const ClusterSimNode* longest = nullptr;
    for (const auto& node : nodes_) {
      if (node && (longest == nullptr || node->told().size() > longest->told().size())) longest = node.get();
    }
    if (longest == nullptr) return;
    for (const auto& node : nodes_) {
      if (!node) continue;
      const std::size_t size = node->told().size();
      // Between two looks what was equal stays so: the tail tells, and at the end all of it.
      const std::size_t from = all ? 0 : size - std::min<std::size_t>(size, 50);
      require(std::equal(node->told().begin() + static_cast<std::ptrdiff_t>(from), node->told().end(),
                         longest->told().begin() + static_cast<std::ptrdiff_t>(from), agree),
              "two nodes have other events under the same numbers");
      require(node->epoch().empty() || longest->epoch() == node->epoch(), "two nodes are in two epochs");
    }
  }

  bool at_rest() const {
    return std::all_of(nodes_.begin(), nodes_.end(), [this](const auto& node) {
      return node->idle() && node->log().fold().stream_seq() == stream_.last_seq() && whole(*node);
    });
  }
  bool whole(const ClusterSimNode& node) const {
    return std::all_of(sources_.begin(), sources_.end(), [&](const auto& source) {
      return node.log().fold().position_of(source->name(), "r1").value_or(0) == source->head();
    });
  }

  // No node had written anything down when it was killed, and none was left to make a checkpoint before the log let go of its
  // beginning: where the numbers stood nobody can know, and every node says so.
  bool nothing_is_left() const {
    return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& node) { return node->has_nothing_to_begin_with(); });
  }

  void check_complete() {
    if (nothing_is_left()) {
      require(stream_.first_seq() > 1, "the log holds all, and nobody begins");
      ++outcome_.nothing_left;
      return;
    }
    for (const auto& node : nodes_) {
      require(node->trouble() == bridge::ClusterTrouble::none,
              std::string("trouble without a cause: ") + bridge::cluster_trouble_text(node->trouble()));
    }
    for (const auto& node : nodes_) world.note(state_of(*node));
    require(at_rest(), "it does not come to rest");
    compare(true);
    const ClusterSimNode& node = *nodes_.front();
    require(node.told().size() == record_.size(), "events that were told are gone");
    outcome_.events = record_.size();
    std::map<std::string, std::uint64_t> last;
    for (const Told& told : record_) {
      if (told.source.empty()) continue;
      require(told.source_seq == ++last[told.source], told.source + "'s events are not each there once and in order");
    }
    for (const auto& source : sources_) {
      require(last[source->name()] == source->head(), "events of " + source->name() + " are missing");
    }
    for (const auto& other : nodes_) {
      require(other->log().fold().save() == node.log().fold().save(), "two folds of the same log differ");
    }
  }

  std::string state_of(const ClusterSimNode& node) const {
    if (!node.joined()) return "not joined";
    return "folded " + std::to_string(node.log().fold().stream_seq()) + " of " + std::to_string(stream_.last_seq()) + ", " +
           std::to_string(node.told().size()) + " events, trouble: " + bridge::cluster_trouble_text(node.trouble());
  }

  // Two nodes that say nothing is wrong have the same; whoever has something else has said so.
  void check_told() {
    for (const auto& node : nodes_) world.note(state_of(*node));
    const ClusterSimNode* good = nullptr;
    for (const auto& node : nodes_) {
      if (node->trouble() != bridge::ClusterTrouble::none) {
        ++outcome_.damage_told;
        continue;
      }
      if (good == nullptr) good = node.get();
      const std::size_t both = std::min(good->told().size(), node->told().size());
      require(std::equal(good->told().begin(), good->told().begin() + static_cast<std::ptrdiff_t>(both), node->told().begin(), agree),
              "two nodes have two histories, and neither says so");
    }
  }

  const Damage damage_;
  SimStream stream_;
  ClusterOutcome& outcome_;
  Record record_;
  bool storm_ = true;
  std::uint64_t steps_ = 0;
  std::unique_ptr<ClusterSimNode::Disk> disks_[kNodes];
  std::array<std::unique_ptr<ClusterSimNode>, kNodes> nodes_;
  std::vector<std::unique_ptr<ClusterSource>> sources_;
};

}  // namespace

ClusterOutcome simulate_cluster(std::uint64_t seed,
                                std::function<void(std::int64_t now_us, const std::string& what)> trace) {
  ClusterOutcome outcome;
  ClusterSimulation simulation(seed, outcome);
  simulation.world.trace = std::move(trace);
  try {
    simulation.run();
  } catch (const Violation& violation) {
    outcome.violation = violation.what();
  }
  outcome.at_us = simulation.world.clock.steady_us();
  outcome.digest = simulation.world.digest;
  return outcome;
}

}  // namespace sim
