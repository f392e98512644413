#include "trainer/agent/actor_critic.h"

#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include "ppo_fixture.h"

using Eigen::Index;
using trainer::ActorCritic;

TEST_CASE("actor-critic: probabilities of a state sum to 1 and a masked action has none") {
  const ActorCritic network = random_network(1);
  const auto batch = random_batch(network, 50, 2);
  ActorCritic::Pass pass;
  network.forward(batch.features, batch.allowed, pass);
  for (Index s = 0; s < 50; ++s) {
    double sum = 0.0;
    for (Index a = 0; a < network.actions(); ++a) {
      const double p = std::exp(pass.log_probabilities(a, s));
      const bool allowed = batch.allowed[static_cast<std::size_t>(s * network.actions() + a)] != 0;
      CHECK((p > 0.0) == allowed);
      sum += p;
    }
    CHECK(sum == doctest::Approx(1.0));
  }
}

TEST_CASE("actor-critic: the first policy is nearly uniform") {
  market::Rng rng(3);
  const ActorCritic network(kTestFeatures, kTestItems, 16, rng);
  const auto batch = random_batch(network, 20, 4);
  const std::vector<std::uint8_t> all(batch.allowed.size(), 1);
  ActorCritic::Pass pass;
  network.forward(batch.features, all, pass);
  const double uniform = 1.0 / static_cast<double>(network.actions());
  for (Index i = 0; i < pass.log_probabilities.size(); ++i) {
    CHECK(std::exp(pass.log_probabilities.data()[i]) == doctest::Approx(uniform).epsilon(0.1));
  }
}

TEST_CASE("actor-critic: items that change places change their actions' places and nothing else") {
  const ActorCritic network = random_network(5);
  Eigen::MatrixXd features = Eigen::MatrixXd::Random(kTestFeatures, kTestItems);
  const std::vector<std::uint8_t> allowed(7, 1);
  ActorCritic::Pass before;
  network.forward(features, allowed, before);
  const Eigen::VectorXd first = features.col(0);
  features.col(0) = features.col(2);
  features.col(2) = first;
  ActorCritic::Pass after;
  network.forward(features, allowed, after);
  CHECK(after.values[0] == doctest::Approx(before.values[0]));
  CHECK(after.log_probabilities(0, 0) == doctest::Approx(before.log_probabilities(0, 0)));
  CHECK(after.log_probabilities(1, 0) == doctest::Approx(before.log_probabilities(5, 0)));
  CHECK(after.log_probabilities(6, 0) == doctest::Approx(before.log_probabilities(2, 0)));
}

TEST_CASE("actor-critic: a NaN that goes in is seen in what comes out") {
  const ActorCritic network = random_network(6);
  Eigen::MatrixXd features = Eigen::MatrixXd::Zero(kTestFeatures, kTestItems);
  features(1, 1) = std::numeric_limits<double>::quiet_NaN();
  ActorCritic::Pass pass;
  network.forward(features, std::vector<std::uint8_t>(7, 1), pass);
  CHECK(std::isnan(pass.values[0]));
  CHECK(std::isnan(pass.log_probabilities(0, 0)));
}
