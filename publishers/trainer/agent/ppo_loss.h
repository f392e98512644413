// The loss that PPO minimises, and its gradient.
#pragma once

#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include "trainer/agent/actor_critic.h"

namespace trainer {

// States with what was done in them and what came of it; see ActorCritic for the layout.
struct PpoBatch {
  Eigen::MatrixXd features;           // features x (B items)
  std::vector<std::uint8_t> allowed;  // B actions
  std::vector<Eigen::Index> actions;  // B
  Eigen::VectorXd log_probabilities;  // B: of the actions, under the policy that took them
  Eigen::VectorXd advantages;         // B
  Eigen::VectorXd returns;            // B: what the value function should have said

  [[nodiscard]] Eigen::Index size() const { return advantages.size(); }
};

struct PpoLossOptions {
  double clip = 0.2;             // epsilon of eq. 7
  double value_weight = 0.5;     // c1 of eq. 9
  double entropy_weight = 0.01;  // c2 of eq. 9
};

// Means over a batch.
struct PpoLoss {
  double total = 0.0;
  double policy_loss = 0.0;    // minus the clipped surrogate
  double value_loss = 0.0;     // of the squared error
  double entropy = 0.0;        // nats
  double approx_kl = 0.0;      // nats, never below 0 but for rounding
  double clip_fraction = 0.0;  // of samples with |ratio - 1| > clip
};

// Schulman, Wolski, Dhariwal, Radford and Klimov, "Proximal policy optimization algorithms", 2017.
// With r = pi(a|s) / pi_old(a|s) and the advantage A:
//
//   L_clip = E[ min(r A, clip(r, 1 - eps, 1 + eps) A) ]                 (eq. 7)
//   total  = -( L_clip - c1 E[(V - V_target)^2] + c2 E[entropy] )        (eq. 9, negated:
//   minimised)
//
// approx_kl is E[(r - 1) - log r], the estimator k3 of Schulman, "Approximating KL divergence",
// 2020. The gradient of `total` by the network's parameters is written over `gradient`. What is not
// finite goes through into both. REQUIRES: a batch of at least one.
[[nodiscard]] PpoLoss ppo_loss(const ActorCritic& network, const PpoBatch& batch,
                               const PpoLossOptions& options, Eigen::VectorXd& gradient);

// 1 - Var[returns - values] / Var[returns]: 1 = the values say it all, 0 = no better than a
// constant. NaN where the returns do not vary. REQUIRES: equal sizes, at least one.
[[nodiscard]] double explained_variance(const Eigen::VectorXd& values,
                                        const Eigen::VectorXd& returns);

}  // namespace trainer
