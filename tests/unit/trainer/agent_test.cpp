#include "trainer/agent/ppo_agent.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "agent_fixture.h"
#include "trainer/env/actions.h"

using namespace trainer;

namespace {

PpoOptions small() {
  PpoOptions options;
  options.rollout_steps = 32;
  options.minibatch_size = 8;
  options.steps_planned = 4000;
  return options;
}

// Plays one rollout in which `reward_of` pays for each action, and learns from it.
template <class RewardOf>
UpdateStats rollout(PpoAgent& agent, std::uint64_t seed, RewardOf&& reward_of) {
  std::uint64_t n = seed * 1000;
  while (!agent.ready_to_update()) {
    const Observation observation = scene(n++);
    const Move move = agent.sample_action(observation);
    agent.record(observation, move, reward_of(observation, move), true);
  }
  return agent.update(scene(n));
}

}  // namespace

TEST_CASE("agent: a masked action is never drawn") {
  PpoAgent agent(kItems, small(), 1);
  Observation observation = scene(1);
  observation.allowed = {1, 0, 1, 0, 0, 0, 0};
  for (int i = 0; i < 200; ++i) {
    const std::size_t action = agent.sample_action(observation).action;
    CHECK((action == 0 || action == 2));
  }
}

TEST_CASE("agent: draws follow the policy's probabilities") {
  PpoAgent agent(kItems, small(), 2);
  const Observation observation = scene(2);
  std::vector<int> counts(action_count(kItems), 0);
  std::vector<double> expected(action_count(kItems), 0.0);
  for (int i = 0; i < 7000; ++i) {
    const Move move = agent.sample_action(observation);
    ++counts[move.action];
    expected[move.action] = 7000.0 * move.probability();
  }
  for (std::size_t a = 0; a < counts.size(); ++a) {
    CHECK(std::abs(counts[a] - expected[a]) < 150.0);
  }
}

TEST_CASE("agent: learns which item to buy from what it sees") {
  PpoOptions options = small();
  options.hidden = 12;
  options.rollout_steps = 64;
  options.steps_planned = 64 * 60;
  options.learning_rate = 0.01;
  PpoAgent agent(kItems, options, 3);
  const auto pays = [](const Observation& observation, const Move& move) {
    if (type_of(move.action) != ActionType::kBuy) return 0.0;
    return observation.features(0, static_cast<Eigen::Index>(item_of(move.action))) > 0.0 ? 1.0
                                                                                          : -1.0;
  };
  for (std::uint64_t update = 0; update < 60; ++update) {
    static_cast<void>(rollout(agent, update, pays));
  }
  double earned = 0.0;
  double possible = 0.0;
  for (std::uint64_t n = 0; n < 200; ++n) {
    const Observation observation = scene(1'000'000 + n);
    earned += pays(observation, agent.best_action(observation));
    possible += observation.features.row(0).maxCoeff() > 0.0 ? 1.0 : 0.0;
  }
  CHECK(earned > 0.8 * possible);  // an untrained policy earns about nothing
}

TEST_CASE("agent: the same seed and input give the same weights, bit for bit") {
  PpoAgent a(kItems, small(), 4);
  PpoAgent b(kItems, small(), 4);
  PpoAgent c(kItems, small(), 5);
  const auto pays = [](const Observation&, const Move& move) {
    return static_cast<double>(move.action);
  };
  for (std::uint64_t update = 0; update < 5; ++update) {
    const UpdateStats stats_a = rollout(a, update, pays);
    const UpdateStats stats_b = rollout(b, update, pays);
    static_cast<void>(rollout(c, update, pays));
    CHECK(stats_a.policy_loss == stats_b.policy_loss);
    CHECK(stats_a.update == static_cast<std::int64_t>(update) + 1);
    CHECK(stats_a.steps == stats_a.update * 32);
  }
  CHECK(a.network().parameters() == b.network().parameters());
  CHECK(a.network().parameters() != c.network().parameters());
}

TEST_CASE("agent: a NaN reward shows in the losses, spares the weights, and training goes on") {
  PpoAgent agent(kItems, small(), 6);
  const auto fine = [](const Observation&, const Move& move) {
    return static_cast<double>(move.action);
  };
  CHECK(rollout(agent, 0, fine).minibatches_skipped == 0);
  const Eigen::VectorXd before = agent.network().parameters();
  const UpdateStats bad = rollout(agent, 1, [](const Observation&, const Move&) {
    return std::numeric_limits<double>::quiet_NaN();
  });
  CHECK(std::isnan(bad.policy_loss));
  CHECK(std::isnan(bad.value_loss));
  CHECK(std::isnan(bad.explained_variance));
  CHECK(bad.minibatches_skipped == 16);  // 4 epochs of 4 minibatches
  CHECK(agent.network().parameters() == before);
  const UpdateStats after = rollout(agent, 2, fine);
  CHECK(after.minibatches_skipped == 0);
  CHECK(std::isfinite(after.policy_loss));
  CHECK(agent.network().parameters().allFinite());
  CHECK(agent.network().parameters() != before);
}

TEST_CASE("agent: a rollout cut short is learnt from, down to a single step") {
  PpoAgent agent(kItems, small(), 7);
  const Observation observation = scene(1);
  agent.record(observation, agent.sample_action(observation), 1.0, false);
  const UpdateStats stats = agent.update(scene(2));
  CHECK(stats.steps == 1);
  CHECK(stats.minibatches_skipped == 0);
  CHECK(std::isfinite(stats.policy_loss));
  CHECK(std::isnan(stats.explained_variance));  // one return does not vary
  CHECK(agent.recorded() == 0);
}
