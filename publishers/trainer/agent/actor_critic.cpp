#include "trainer/agent/actor_critic.h"

#include <cassert>
#include <cmath>
#include <limits>

namespace trainer {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kActorOutputGain = 0.01;
constexpr double kCriticOutputGain = 1.0;

// x - log sum exp x, by way of the largest entry (no overflow). A NaN makes all of it NaN.
void log_softmax(Eigen::Ref<VectorXd> x) {
  if (x.hasNaN()) {
    x.setConstant(std::numeric_limits<double>::quiet_NaN());
    return;
  }
  const double largest = x.maxCoeff();
  const double log_sum = std::log((x.array() - largest).exp().sum()) + largest;
  x.array() -= log_sum;
}

}  // namespace

ActorCritic::ActorCritic(Index features, Index items, Index hidden, market::Rng& rng)
    : items_(items),
      actor_({features, hidden, hidden, 2}),
      critic_({features, hidden, hidden, 1}),
      parameters_(actor_.parameter_count() + critic_.parameter_count()) {
  assert(features >= 1 && items >= 1 && hidden >= 1);
  actor_.initialise(parameters_.head(actor_.parameter_count()), kActorOutputGain, rng);
  critic_.initialise(parameters_.tail(critic_.parameter_count()), kCriticOutputGain, rng);
}

void ActorCritic::forward(const Eigen::Ref<const MatrixXd>& features,
                          const std::vector<std::uint8_t>& allowed, Pass& pass) const {
  const Index states = features.cols() / items_;
  assert(features.cols() == states * items_);
  assert(allowed.size() == static_cast<std::size_t>(states * actions()));
  actor_.forward(parameters_.head(actor_.parameter_count()), features, pass.actor);
  critic_.forward(parameters_.tail(critic_.parameter_count()), features, pass.critic);

  // Two outputs an item, item after item: below the 0 of holding they are the logits of a state.
  const Eigen::Map<const MatrixXd> item_logits(pass.actor.result().data(), 2 * items_, states);
  pass.log_probabilities.resize(actions(), states);
  pass.log_probabilities.row(0).setZero();
  pass.log_probabilities.bottomRows(2 * items_) = item_logits;
  for (Index s = 0; s < states; ++s) {
    for (Index a = 1; a < actions(); ++a) {
      if (allowed[static_cast<std::size_t>(s * actions() + a)] == 0) {
        pass.log_probabilities(a, s) = -std::numeric_limits<double>::infinity();
      }
    }
    log_softmax(pass.log_probabilities.col(s));
  }
  const Eigen::Map<const MatrixXd> item_values(pass.critic.result().data(), items_, states);
  pass.values = item_values.colwise().mean().transpose();
}

void ActorCritic::backward(const Pass& pass, const MatrixXd& logit_gradient,
                           const VectorXd& value_gradient, VectorXd& gradient) const {
  const Index states = value_gradient.size();
  assert(logit_gradient.rows() == actions() && logit_gradient.cols() == states);
  assert(gradient.size() == parameters_.size());
  MatrixXd actor_gradient(2, states * items_);
  Eigen::Map<MatrixXd>(actor_gradient.data(), 2 * items_, states) =
      logit_gradient.bottomRows(2 * items_);
  actor_.backward(parameters_.head(actor_.parameter_count()), pass.actor, actor_gradient,
                  gradient.head(actor_.parameter_count()));

  MatrixXd critic_gradient(1, states * items_);
  Eigen::Map<MatrixXd>(critic_gradient.data(), items_, states).rowwise() =
      value_gradient.transpose() / static_cast<double>(items_);
  critic_.backward(parameters_.tail(critic_.parameter_count()), pass.critic, critic_gradient,
                   gradient.tail(critic_.parameter_count()));
}

}  // namespace trainer
