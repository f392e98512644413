// The policy and the value function: two networks that look at one item at a time.
#pragma once

#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include "market/prices/rng.h"
#include "trainer/agent/mlp.h"

namespace trainer {

// The actor reads an item's features and gives two numbers, the logits of buying and of selling it;
// the same weights serve every item, and holding has the logit 0. So the order of the watch list
// does not matter and what is learnt on one item holds for all (Zaheer et al., "Deep sets", 2017).
// The critic gives each item a number too; their mean is the value of the state.
//
// A batch of B states with K items is a matrix of B K columns, state after state. Logits and
// probabilities are matrices of (1 + 2 K) x B in the order of actions.h. Belongs to one thread.
class ActorCritic {
 public:
  // What forward() leaves for backward().
  struct Pass {
    Mlp::Trace actor;
    Mlp::Trace critic;
    Eigen::MatrixXd log_probabilities;  // actions x B; -infinity where not allowed
    Eigen::VectorXd values;             // B
  };

  // Orthogonal weights; the actor's last layer is so small that the first policy is nearly uniform.
  // REQUIRES: all sizes at least 1.
  ActorCritic(Eigen::Index features, Eigen::Index items, Eigen::Index hidden, market::Rng& rng);

  // `allowed`: an entry an action, state after state; 0 takes the action out. Holding is always
  // allowed. REQUIRES: features.cols() == B * items, allowed.size() == B * actions.
  void forward(const Eigen::Ref<const Eigen::MatrixXd>& features,
               const std::vector<std::uint8_t>& allowed, Pass& pass) const;

  // Adds to `gradient` the gradient by the parameters of a loss whose gradients by the logits and
  // by the values are given. REQUIRES: `pass` is from forward() with the same parameters.
  void backward(const Pass& pass, const Eigen::MatrixXd& logit_gradient,
                const Eigen::VectorXd& value_gradient, Eigen::VectorXd& gradient) const;

  [[nodiscard]] Eigen::Index items() const { return items_; }
  [[nodiscard]] Eigen::Index actions() const { return 1 + 2 * items_; }
  // The actor's parameters, then the critic's.
  [[nodiscard]] const Eigen::VectorXd& parameters() const { return parameters_; }
  [[nodiscard]] Eigen::VectorXd& parameters() { return parameters_; }

 private:
  Eigen::Index items_;
  Mlp actor_;
  Mlp critic_;
  Eigen::VectorXd parameters_;
};

}  // namespace trainer
