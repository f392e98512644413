#include "trainer/agent/ppo_loss.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "ppo_fixture.h"

using Eigen::Index;
using Eigen::VectorXd;
using trainer::ActorCritic;
using trainer::explained_variance;
using trainer::ppo_loss;
using trainer::PpoBatch;
using trainer::PpoLoss;
using trainer::PpoLossOptions;

TEST_CASE("ppo loss: each figure is its textbook definition") {
  const ActorCritic network = random_network(1);
  const PpoBatch batch = random_batch(network, 40, 2);
  const PpoLossOptions options{0.2, 0.5, 0.01};
  VectorXd gradient;
  const PpoLoss loss = ppo_loss(network, batch, options, gradient);

  ActorCritic::Pass pass;
  network.forward(batch.features, batch.allowed, pass);
  double surrogate = 0.0;
  double value_loss = 0.0;
  double entropy = 0.0;
  double kl = 0.0;
  double clipped = 0.0;
  for (Index s = 0; s < 40; ++s) {
    const Index action = batch.actions[static_cast<std::size_t>(s)];
    const double ratio = std::exp(pass.log_probabilities(action, s) - batch.log_probabilities[s]);
    const double advantage = batch.advantages[s];
    surrogate += std::min(ratio * advantage, std::clamp(ratio, 0.8, 1.2) * advantage) / 40.0;
    value_loss += std::pow(pass.values[s] - batch.returns[s], 2) / 40.0;
    kl += (ratio - 1.0 - std::log(ratio)) / 40.0;
    clipped += std::abs(ratio - 1.0) > 0.2 ? 1.0 / 40.0 : 0.0;
    for (Index a = 0; a < network.actions(); ++a) {
      const double p = std::exp(pass.log_probabilities(a, s));
      if (p > 0.0) entropy -= p * std::log(p) / 40.0;
    }
  }
  CHECK(loss.policy_loss == doctest::Approx(-surrogate));
  CHECK(loss.value_loss == doctest::Approx(value_loss));
  CHECK(loss.entropy == doctest::Approx(entropy));
  CHECK(loss.approx_kl == doctest::Approx(kl));
  CHECK(loss.clip_fraction == doctest::Approx(clipped));
  CHECK(clipped > 0.2);
  CHECK(clipped < 0.8);
  CHECK(loss.total == doctest::Approx(-surrogate + 0.5 * value_loss - 0.01 * entropy));
}

TEST_CASE("ppo loss: the gradient of everything agrees with numerical differences") {
  for (const std::uint64_t seed : {10u, 20u, 30u}) {
    CAPTURE(seed);
    ActorCritic network = random_network(seed);
    const PpoBatch batch = random_batch(network, 30, seed + 1);
    const PpoLossOptions options{0.2, 0.5, 0.05};
    VectorXd gradient;
    static_cast<void>(ppo_loss(network, batch, options, gradient));
    REQUIRE(gradient.norm() > 1e-3);
    constexpr double kStep = 1e-6;
    VectorXd unused;
    for (Index i = 0; i < gradient.size(); ++i) {
      const double here = network.parameters()[i];
      network.parameters()[i] = here + kStep;
      const double above = ppo_loss(network, batch, options, unused).total;
      network.parameters()[i] = here - kStep;
      const double below = ppo_loss(network, batch, options, unused).total;
      network.parameters()[i] = here;
      const double numerical = (above - below) / (2.0 * kStep);
      CAPTURE(i);
      REQUIRE(std::abs(gradient[i] - numerical) < 1e-6 * (1.0 + std::abs(numerical)));
    }
  }
}

TEST_CASE("ppo loss: beyond the clip, where that costs nothing, the policy is left alone") {
  const ActorCritic network = random_network(4);
  PpoBatch batch = random_batch(network, 1, 5);
  const PpoLossOptions policy_only{0.2, 0.0, 0.0};
  ActorCritic::Pass pass;
  network.forward(batch.features, batch.allowed, pass);
  const double now = pass.log_probabilities(batch.actions[0], 0);
  VectorXd gradient;

  batch.advantages[0] = 1.0;
  batch.log_probabilities[0] = now - std::log(1.5);  // ratio 1.5: already more likely than allowed
  CHECK(ppo_loss(network, batch, policy_only, gradient).policy_loss == doctest::Approx(-1.2));
  CHECK(gradient.norm() == 0.0);
  batch.log_probabilities[0] = now + std::log(2.0);  // ratio 0.5: good and less likely, so pull
  CHECK(ppo_loss(network, batch, policy_only, gradient).policy_loss == doctest::Approx(-0.5));
  CHECK(gradient.norm() > 0.0);

  batch.advantages[0] = -1.0;
  CHECK(ppo_loss(network, batch, policy_only, gradient).policy_loss == doctest::Approx(0.8));
  CHECK(gradient.norm() == 0.0);
  batch.log_probabilities[0] = now - std::log(1.5);
  CHECK(ppo_loss(network, batch, policy_only, gradient).policy_loss == doctest::Approx(1.5));
  CHECK(gradient.norm() > 0.0);
}

TEST_CASE("ppo loss: a NaN shows in the loss and in the gradient") {
  const ActorCritic network = random_network(6);
  PpoBatch batch = random_batch(network, 8, 7);
  batch.advantages[3] = std::numeric_limits<double>::quiet_NaN();
  VectorXd gradient;
  const PpoLoss loss = ppo_loss(network, batch, PpoLossOptions{}, gradient);
  CHECK(std::isnan(loss.policy_loss));
  CHECK(std::isnan(loss.total));
  CHECK_FALSE(gradient.allFinite());
}

TEST_CASE("explained variance: 1 when perfect, 0 for a constant, below 0 when worse, else NaN") {
  VectorXd returns(4);
  returns << 1, 2, 3, 4;
  CHECK(explained_variance(returns, returns) == doctest::Approx(1.0));
  CHECK(explained_variance(VectorXd::Constant(4, 9.0), returns) == doctest::Approx(0.0));
  CHECK(explained_variance(-returns, returns) == doctest::Approx(-3.0));
  CHECK(std::isnan(explained_variance(returns, VectorXd::Constant(4, 2.0))));
}
