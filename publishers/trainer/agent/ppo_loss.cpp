#include "trainer/agent/ppo_loss.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace trainer {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

double variance(const VectorXd& x) {
  return (x.array() - x.mean()).square().mean();
}

}  // namespace

PpoLoss ppo_loss(const ActorCritic& network, const PpoBatch& batch, const PpoLossOptions& options,
                 VectorXd& gradient) {
  const Index states = batch.size();
  assert(states >= 1);
  const double weight = 1.0 / static_cast<double>(states);
  ActorCritic::Pass pass;
  network.forward(batch.features, batch.allowed, pass);

  PpoLoss loss;
  MatrixXd logit_gradient(network.actions(), states);
  for (Index s = 0; s < states; ++s) {
    const auto log_p = pass.log_probabilities.col(s);
    // Not Eigen's exp: its vector code makes the -infinity of a masked action a tiny number, not 0.
    const VectorXd p = log_p.unaryExpr([](double x) { return std::exp(x); });
    const Index action = batch.actions[static_cast<std::size_t>(s)];
    const double advantage = batch.advantages[s];
    const double log_ratio = log_p[action] - batch.log_probabilities[s];
    const double ratio = std::exp(log_ratio);
    const double clipped = std::clamp(ratio, 1.0 - options.clip, 1.0 + options.clip);
    const double plain_term = ratio * advantage;
    const double clipped_term = clipped * advantage;
    // Written so that a NaN goes the way of the plain term instead of vanishing in a comparison.
    const bool is_clipped = clipped_term < plain_term;
    loss.policy_loss -= weight * (is_clipped ? clipped_term : plain_term);
    loss.approx_kl += weight * ((ratio - 1.0) - log_ratio);
    if (std::abs(ratio - 1.0) > options.clip) loss.clip_fraction += weight;

    double entropy = 0.0;
    for (Index a = 0; a < p.size(); ++a) {
      if (p[a] != 0.0) entropy -= p[a] * log_p[a];
    }
    loss.entropy += weight * entropy;

    // By the logits z: d log pi(a) / dz = 1[a] - p;  d entropy / dz = -p (log p + entropy).
    // Where the clipped term is the smaller one it does not depend on the policy at all.
    const double by_log_p = is_clipped ? 0.0 : -weight * plain_term;
    for (Index a = 0; a < p.size(); ++a) {
      const double by_entropy = p[a] != 0.0 ? -p[a] * (log_p[a] + entropy) : 0.0;
      logit_gradient(a, s) = by_log_p * ((a == action ? 1.0 : 0.0) - p[a]) -
                             options.entropy_weight * weight * by_entropy;
    }
  }
  const VectorXd value_error = pass.values - batch.returns;
  loss.value_loss = value_error.squaredNorm() * weight;
  loss.total = loss.policy_loss + options.value_weight * loss.value_loss -
               options.entropy_weight * loss.entropy;

  gradient.setZero(network.parameters().size());
  network.backward(pass, logit_gradient, 2.0 * options.value_weight * weight * value_error,
                   gradient);
  return loss;
}

double explained_variance(const VectorXd& values, const VectorXd& returns) {
  assert(values.size() == returns.size() && returns.size() >= 1);
  const double total = variance(returns);
  if (total == 0.0) return std::numeric_limits<double>::quiet_NaN();
  return 1.0 - variance(returns - values) / total;
}

}  // namespace trainer
