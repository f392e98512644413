// An agent that learns by proximal policy optimisation.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "market/prices/rng.h"
#include "trainer/agent/actor_critic.h"
#include "trainer/agent/adam.h"
#include "trainer/agent/ppo_loss.h"
#include "trainer/env/observation.h"

namespace trainer {

struct PpoOptions {
  std::int64_t steps_planned = 50'000;  // over which the learning rate falls
  std::int64_t rollout_steps = 128;     // between updates
  std::int64_t minibatch_size = 64;
  int epochs = 4;            // passes over a rollout
  Eigen::Index hidden = 32;  // units in each of the two hidden layers
  double learning_rate = 3e-3;
  double gamma = 0.99;
  double lambda = 0.95;
  double gradient_norm_max = 0.5;
  PpoLossOptions loss;
};

// What may be changed while an agent learns.
struct Hyperparameters {
  double learning_rate = 0.0;        // as at the start; above 0, at most 1
  double clip_range = 0.0;           // above 0, at most 1
  double entropy_coefficient = 0.0;  // 0..1
};

// Weights and optimiser: what an agent has learnt.
struct Learnt {
  Eigen::VectorXd parameters;
  AdamState adam;
};

// What the agent chose and how sure it was.
struct Move {
  std::size_t action = 0;
  double log_probability = 0.0;
  double value = 0.0;    // of the state, in reward still to come, discounted
  MenuEntry entry;       // of the item chosen; empty when holding
  double entropy = 0.0;  // nats: of the choice

  [[nodiscard]] double probability() const;
};

// Figures of one update, means over its minibatches. A NaN is passed on as it is.
struct UpdateStats {
  std::int64_t update = 0;  // from 1
  std::int64_t steps = 0;   // environment steps that the agent has learnt from so far
  double policy_loss = 0.0;
  double value_loss = 0.0;
  double entropy = 0.0;
  double approx_kl = 0.0;
  double clip_fraction = 0.0;
  double explained_variance = 0.0;       // of the rollout's returns by the values it was made with
  double steps_per_second = 0.0;         // wall clock, since the update before
  std::int64_t minibatches_skipped = 0;  // for a loss or gradient that was not finite
};

// Algorithm 1 of Schulman et al. 2017 for one environment. A minibatch whose loss or gradient is
// not finite is reported in the stats and not learnt from, so the weights stay finite and training
// goes on. Everything but steps_per_second follows from the seed and the input. Belongs to one
// thread.
class PpoAgent {
 public:
  // REQUIRES: items >= 1; minibatch_size and rollout_steps at least 1.
  PpoAgent(Eigen::Index items, PpoOptions options, std::uint64_t seed);

  // Draws an action from the policy.
  [[nodiscard]] Move sample_action(const Observation& observation);
  // The most probable action; ties go to the lower one. Leaves the agent as it was.
  [[nodiscard]] Move best_action(const Observation& observation) const;

  // Remembers a step for the next update. REQUIRES: not ready_to_update(); the move came from
  // sample_action(observation).
  void record(const Observation& observation, const Move& move, double reward, bool done);
  [[nodiscard]] bool ready_to_update() const { return recorded_ >= options_.rollout_steps; }
  [[nodiscard]] std::int64_t recorded() const { return recorded_; }

  // Learns from what was recorded since the last update, then forgets it. `next` is what the agent
  // sees now. REQUIRES: recorded() > 0.
  [[nodiscard]] UpdateStats update(const Observation& next);

  [[nodiscard]] const ActorCritic& network() const { return network_; }
  [[nodiscard]] const PpoOptions& options() const { return options_; }
  [[nodiscard]] std::int64_t updates() const { return updates_; }

  [[nodiscard]] Hyperparameters hyperparameters() const;
  // From the next update on. REQUIRES: within their ranges.
  void set_hyperparameters(const Hyperparameters& values);
  // What the next update learns with: the learning rate falls linearly over the steps planned, to
  // no less than a hundredth.
  [[nodiscard]] double learning_rate() const;

  [[nodiscard]] Learnt learnt() const { return {network_.parameters(), adam_.state()}; }
  // Goes on from there; what was recorded since the last update is forgotten, since another policy
  // did it. Updates and steps are counted on. REQUIRES: sizes as those of learnt().
  void restore(Learnt learnt);

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] Move move_for(const Observation& observation, const ActorCritic::Pass& pass,
                              std::size_t action) const;
  [[nodiscard]] PpoBatch minibatch(const std::vector<Eigen::Index>& order, std::size_t from,
                                   std::size_t to, const Eigen::VectorXd& advantages,
                                   const Eigen::VectorXd& returns) const;
  void learn(const Eigen::VectorXd& advantages, const Eigen::VectorXd& returns, UpdateStats& stats);

  PpoOptions options_;
  market::Rng rng_;
  ActorCritic network_;
  Adam adam_;
  std::int64_t updates_ = 0;
  std::int64_t steps_learnt_ = 0;
  Clock::time_point last_update_ = Clock::now();

  // The rollout; the first `recorded_` entries are filled.
  std::int64_t recorded_ = 0;
  Eigen::MatrixXd features_;           // features x (rollout_steps items)
  std::vector<std::uint8_t> allowed_;  // rollout_steps actions
  std::vector<Eigen::Index> actions_;
  std::vector<std::uint8_t> dones_;
  Eigen::VectorXd log_probabilities_;
  Eigen::VectorXd values_;
  Eigen::VectorXd rewards_;
};

}  // namespace trainer
