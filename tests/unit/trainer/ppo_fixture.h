// A small network and a batch that it did not make itself, for tests of losses and gradients.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include "market/prices/rng.h"
#include "trainer/agent/actor_critic.h"
#include "trainer/agent/ppo_loss.h"

constexpr Eigen::Index kTestFeatures = 4;
constexpr Eigen::Index kTestItems = 3;

// A network whose policy is far from uniform: every parameter is random.
inline trainer::ActorCritic random_network(std::uint64_t seed) {
  market::Rng rng(seed);
  trainer::ActorCritic network(kTestFeatures, kTestItems, 5, rng);
  for (Eigen::Index i = 0; i < network.parameters().size(); ++i) {
    network.parameters()[i] = 0.5 * rng.normal();
  }
  return network;
}

// `states` random states, some actions masked, taken under a policy somewhat off the network's, so
// that some ratios lie beyond the clip on either side.
inline trainer::PpoBatch random_batch(const trainer::ActorCritic& network, Eigen::Index states,
                                      std::uint64_t seed) {
  market::Rng rng(seed);
  trainer::PpoBatch batch;
  batch.features.resize(kTestFeatures, states * kTestItems);
  for (Eigen::Index i = 0; i < batch.features.size(); ++i) batch.features.data()[i] = rng.normal();
  batch.advantages.resize(states);
  batch.returns.resize(states);
  batch.log_probabilities.resize(states);
  for (Eigen::Index s = 0; s < states; ++s) {
    const auto action =
        static_cast<Eigen::Index>(rng.below(static_cast<std::uint64_t>(network.actions())));
    batch.actions.push_back(action);
    for (Eigen::Index a = 0; a < network.actions(); ++a) {
      batch.allowed.push_back(a == 0 || a == action || rng.uniform() < 0.7 ? 1 : 0);
    }
    batch.advantages[s] = rng.normal();
    batch.returns[s] = rng.normal();
  }
  trainer::ActorCritic::Pass pass;
  network.forward(batch.features, batch.allowed, pass);
  for (Eigen::Index s = 0; s < states; ++s) {
    batch.log_probabilities[s] =
        pass.log_probabilities(batch.actions[static_cast<std::size_t>(s)], s) + 0.4 * rng.normal();
  }
  return batch;
}
