#include "simulation.h"

#include <memory>
#include <utility>
#include <vector>

#include "adversary.h"
#include "bridge.h"
#include "client.h"
#include "source.h"
#include "truth.h"
#include "world.h"

namespace sim {
namespace {

constexpr std::int64_t kFaultsUs = 12'000 * kMs;
// Longer than anything may wait: patience with a hole, a trainer's late answers, reconnects.
constexpr std::int64_t kQuietUs = 45'000 * kMs;
constexpr std::int64_t kQuietUsMax = 1'800'000 * kMs;

// How the world of a seed goes wrong.
struct Weather {
  std::uint64_t bridge_dies_one_in = 0;  // of faults; 0 = never
  std::uint64_t control_cut_one_in = 0;
  bool lossless = false;  // nothing happens that could cost an event for good
  std::int64_t fault_every_us = 0;
  bridge::HistoryLimits history;
  std::size_t held_bytes_max = 0;
  JournalManners journal = JournalManners::none;
};

class Simulation {
 public:
  Simulation(std::uint64_t seed, bool attacked, std::function<void(std::int64_t, const std::string&)> trace)
      : world_(seed), truth_(world_, sources_) {
    world_.trace = std::move(trace);
    draw_weather();
    draw_sources();
    draw_clients();
    if (attacked) adversary_ = std::make_unique<Adversary>(world_, sources_);
    start_bridge();
    fault();
  }

  Outcome run() {
    Outcome outcome;
    try {
      while (world_.step(kFaultsUs)) step(outcome);
      settle();
      // A slow source with many holes takes its time.
      for (std::int64_t end_us = kFaultsUs + kQuietUs;; end_us += kQuietUs) {
        while (world_.step(end_us)) step(outcome);
        if (!bridge_->tracker().busy() || end_us > kQuietUsMax) break;
      }
      truth_.check_complete(*bridge_, weather_.lossless);
      for (const auto& client : clients_) client->check_complete();
    } catch (const Violation& violation) {
      outcome.violation = violation.what();
    }
    outcome.read_back = bridge_->read_back();
    outcome.at_us = world_.clock.steady_us();
    outcome.digest = world_.digest;
    for (const auto& source : sources_) {
      if (const bridge::Source* const known = bridge_->sources().find(source->name())) {
        outcome.lost += known->tally.lost;
        outcome.repaired += known->tally.repaired;
      }
    }
    return outcome;
  }

 private:
  void step(Outcome& outcome) {
    ++outcome.steps;
    truth_.follow(*bridge_);
    bridge_->check_counters(adversary_ ? adversary_->rejected() : 0);
  }

  void draw_weather() {
    Random& random = world_.random;
    weather_.lossless = random.one_in(3);
    weather_.bridge_dies_one_in = random.one_in(2) ? 6 : 0;
    weather_.control_cut_one_in = random.one_in(2) ? 4 : 0;
    weather_.fault_every_us = random.between(200 * kMs, 2000 * kMs);
    weather_.history.events_max = random.one_in(3) ? 60 : 100'000;
    weather_.held_bytes_max = random.one_in(3) ? 2000 : 1 << 20;
    // The truth is read from the same history as everything else: a message's events must stay.
    if (weather_.history.events_max == 60) weather_.history.events_max = 400;
    weather_.journal = static_cast<JournalManners>(random.below(3));
    if (weather_.journal != JournalManners::none) weather_.history.events_max = 400;
  }

  void draw_sources() {
    Random& random = world_.random;
    const std::uint64_t count = 1 + random.below(3);
    for (std::uint64_t i = 0; i < count; ++i) {
      SourceManners manners;
      manners.kind = static_cast<SourceKind>(random.below(weather_.lossless ? 2 : 3));
      manners.ring_events = weather_.lossless || random.one_in(2) ? 100'000 : 30 + random.below(50);
      if (manners.kind != SourceKind::library && random.one_in(2)) manners.drops_one_in = 4 + random.below(20);
      if (!weather_.lossless) {
        manners.knows_replay = !random.one_in(6);
        manners.announces_at_once = manners.kind == SourceKind::library || random.one_in(2);
        if (random.one_in(4)) manners.hangs_one_in = 5;
        if (random.one_in(3)) manners.restarts_one_in = 15;
        if (random.one_in(4)) manners.answer_us_max = 3000 * kMs;
      }
      sources_.push_back(
          std::make_unique<SimSource>(world_, "s" + std::to_string(i + 1), manners));
    }
  }

  void draw_clients() {
    Random& random = world_.random;
    std::vector<std::string> targets{"*", "nobody"};
    for (const auto& source : sources_) targets.push_back(source->name());
    const std::uint64_t count = 1 + random.below(3);
    const bool journal = weather_.journal != JournalManners::none;
    for (std::uint64_t i = 0; i < count; ++i) {
      Wanted wanted;
      if (random.one_in(3)) wanted.type = random.one_in(2) ? "tick" : "tock";
      if (random.one_in(3)) wanted.source = sources_[random.below(sources_.size())]->name();
      feed::Since since;
      if (random.one_in(2)) since = feed::SinceLast{random.below(journal ? 2000 : 50)};
      clients_.push_back(
          std::make_unique<SimClient>(world_, "c" + std::to_string(i + 1), truth_, targets, wanted,
                                      since, random.one_in(journal ? 2 : 4)));
    }
  }

  void start_bridge() {
    const std::string epoch = "e" + std::to_string(++epochs_);
    world_.note("a bridge starts: " + epoch);
    bridge_ = std::make_unique<SimBridge>(world_, sources_, epoch, weather_.history,
                                          weather_.held_bytes_max, weather_.journal);
    if (adversary_) adversary_->bridge_changed(bridge_.get());
    for (const auto& source : sources_) source->bridge_changed(bridge_.get());
    for (const auto& client : clients_) client->bridge_changed(bridge_.get());
  }

  void fault() {
    world_.after(world_.random.between(1, weather_.fault_every_us), [this] {
      if (settled_) return;
      fault();
      Random& random = world_.random;
      if (weather_.bridge_dies_one_in != 0 && random.one_in(weather_.bridge_dies_one_in)) {
        start_bridge();
      } else if (weather_.control_cut_one_in != 0 && random.one_in(weather_.control_cut_one_in)) {
        SimSource& source = *sources_[random.below(sources_.size())];
        // Patience has an end, and one that cannot yet be told from one without control is given none.
        if (!weather_.lossless || (source.introduced(source.runs().back().run) && source.control_is_stable())) {
          source.cut_control();
        }
      } else if (random.one_in(6)) {
        step_clock();
      } else if (random.one_in(2)) {
        sources_[random.below(sources_.size())]->cut_events();
      } else {
        clients_[random.below(clients_.size())]->cut();
      }
    });
  }

  // Ahead or back, by a little (which counts for nothing), by seconds or by days.
  void step_clock() {
    Random& random = world_.random;
    constexpr std::int64_t kMost[] = {900 * kMs, 20'000 * kMs, 2'592'000'000 * kMs};
    const std::int64_t most = kMost[random.below(3)];
    const std::int64_t step_us = random.between(-most, most);
    world_.note("the wall clock steps by " + std::to_string(step_us / kMs) + " ms");
    world_.clock.step_wall_us(step_us);
  }

  void settle() {
    settled_ = true;
    world_.note("all is quiet");
    if (adversary_) adversary_->settle();
    for (const auto& source : sources_) source->settle();
    for (const auto& client : clients_) client->settle();
  }

  World world_;
  Weather weather_;
  std::vector<std::unique_ptr<SimSource>> sources_;
  Truth truth_;
  std::unique_ptr<SimBridge> bridge_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::unique_ptr<Adversary> adversary_;
  std::uint64_t epochs_ = 0;
  bool settled_ = false;
};

}  // namespace

Outcome simulate(std::uint64_t seed, bool attacked,
                 std::function<void(std::int64_t, const std::string&)> trace) {
  return Simulation(seed, attacked, std::move(trace)).run();
}

}  // namespace sim
