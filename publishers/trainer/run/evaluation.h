// Judges policies on markets that nobody was trained on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "market/prices/rng.h"
#include "trainer/agent/ppo_agent.h"
#include "trainer/env/flip_env.h"
#include "trainer/env/observation.h"

namespace trainer {

// Plays an episode: begin() with its market's seed, then an action a step.
class Player {
 public:
  virtual ~Player() = default;
  virtual void begin(std::uint64_t market_seed) = 0;
  [[nodiscard]] virtual std::size_t act(const Observation& observation) = 0;
};

// Takes the most probable action of a trained policy. The agent must outlive it and is not touched.
class TrainedPlayer : public Player {
 public:
  explicit TrainedPlayer(const PpoAgent& agent) : agent_(agent) {}
  void begin(std::uint64_t) override {}
  std::size_t act(const Observation& observation) override;

 private:
  const PpoAgent& agent_;
};

// Chooses uniformly among the actions that the mask allows: what an untrained policy does.
class RandomPlayer : public Player {
 public:
  void begin(std::uint64_t market_seed) override;
  std::size_t act(const Observation& observation) override;

 private:
  market::Rng rng_{0};
};

// Buy and hold: in the first steps it buys a lot of each item on the watch list, as far as the gp
// go, and never does anything again. Judged like everyone by what selling all at once at the end
// would bring, after tax.
class BuyAndHoldPlayer : public Player {
 public:
  void begin(std::uint64_t market_seed) override;
  std::size_t act(const Observation& observation) override;

 private:
  std::size_t next_item_ = 0;
};

// The mean profit in gp an episode (final total value less the start gp) over the first `episodes`
// held-out markets. None where `stopped` said true before the end; it is asked every step.
// REQUIRES: episodes >= 1.
[[nodiscard]] std::optional<double> mean_profit(FlipEnv& env, Player& player, std::int64_t episodes,
                                                const std::function<bool()>& stopped);

}  // namespace trainer
