#include "trainer/agent/ppo_agent.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>
#include <utility>

#include "trainer/agent/gae.h"
#include "trainer/env/actions.h"

namespace trainer {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double kAdvantageEpsilon = 1e-8;

// Shifts and scales to mean 0 and deviation 1.
VectorXd normalised(const VectorXd& x) {
  const double mean = x.mean();
  const double deviation = std::sqrt((x.array() - mean).square().mean());
  return (x.array() - mean) / (deviation + kAdvantageEpsilon);
}

}  // namespace

double Move::probability() const {
  return std::exp(log_probability);
}

PpoAgent::PpoAgent(Index items, PpoOptions options, std::uint64_t seed)
    : options_(options),
      rng_(seed),
      network_(kFeatureCount, items, options.hidden, rng_),
      adam_(network_.parameters().size(), AdamOptions{}) {
  assert(options_.rollout_steps >= 1 && options_.minibatch_size >= 1);
  const Index steps = options_.rollout_steps;
  features_.resize(kFeatureCount, steps * items);
  allowed_.resize(static_cast<std::size_t>(steps * network_.actions()));
  actions_.resize(static_cast<std::size_t>(steps));
  dones_.resize(static_cast<std::size_t>(steps));
  log_probabilities_.resize(steps);
  values_.resize(steps);
  rewards_.resize(steps);
}

Move PpoAgent::move_for(const Observation& observation, const ActorCritic::Pass& pass,
                        std::size_t action) const {
  Move move;
  move.action = action;
  move.log_probability = pass.log_probabilities(static_cast<Index>(action), 0);
  move.value = pass.values[0];
  for (Index a = 0; a < network_.actions(); ++a) {
    const double log_p = pass.log_probabilities(a, 0);
    const double p = std::exp(log_p);
    if (p != 0.0) move.entropy -= p * log_p;
  }
  if (action != kHoldAction) move.entry = observation.menu[item_of(action)];
  return move;
}

Move PpoAgent::sample_action(const Observation& observation) {
  ActorCritic::Pass pass;
  network_.forward(observation.features, observation.allowed, pass);
  double left = rng_.uniform();
  std::size_t chosen =
      kHoldAction;  // rounding may leave a rest; then the last allowed one is taken
  for (std::size_t a = 0; a < observation.allowed.size(); ++a) {
    const double p = std::exp(pass.log_probabilities(static_cast<Index>(a), 0));
    if (!(p > 0.0)) continue;
    chosen = a;
    left -= p;
    if (left < 0.0) break;
  }
  return move_for(observation, pass, chosen);
}

Move PpoAgent::best_action(const Observation& observation) const {
  ActorCritic::Pass pass;
  network_.forward(observation.features, observation.allowed, pass);
  Index best = 0;
  pass.log_probabilities.col(0).maxCoeff(&best);
  return move_for(observation, pass, static_cast<std::size_t>(best));
}

void PpoAgent::record(const Observation& observation, const Move& move, double reward, bool done) {
  assert(!ready_to_update());
  const Index items = network_.items();
  const Index actions = network_.actions();
  features_.middleCols(recorded_ * items, items) = observation.features;
  std::copy(observation.allowed.begin(), observation.allowed.end(),
            allowed_.begin() + recorded_ * actions);
  const auto at = static_cast<std::size_t>(recorded_);
  actions_[at] = static_cast<Index>(move.action);
  dones_[at] = done ? 1 : 0;
  log_probabilities_[recorded_] = move.log_probability;
  values_[recorded_] = move.value;
  rewards_[recorded_] = reward;
  ++recorded_;
}

UpdateStats PpoAgent::update(const Observation& next) {
  assert(recorded_ > 0);
  ActorCritic::Pass pass;
  network_.forward(next.features, next.allowed, pass);
  const VectorXd values = values_.head(recorded_);
  const std::vector<std::uint8_t> dones(dones_.begin(), dones_.begin() + recorded_);
  const VectorXd advantages = generalised_advantages(
      rewards_.head(recorded_), values, dones, pass.values[0], options_.gamma, options_.lambda);
  const VectorXd returns = advantages + values;

  UpdateStats stats;
  learn(advantages, returns, stats);
  steps_learnt_ += recorded_;
  stats.update = ++updates_;
  stats.steps = steps_learnt_;
  stats.explained_variance = explained_variance(values, returns);
  const Clock::time_point now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_update_).count();
  stats.steps_per_second = seconds > 0.0 ? static_cast<double>(recorded_) / seconds : 0.0;
  last_update_ = now;
  recorded_ = 0;
  return stats;
}

void PpoAgent::learn(const VectorXd& advantages, const VectorXd& returns, UpdateStats& stats) {
  std::vector<Index> order(static_cast<std::size_t>(recorded_));
  std::iota(order.begin(), order.end(), Index{0});
  const double rate = learning_rate();
  const auto size = static_cast<std::size_t>(options_.minibatch_size);
  double count = 0.0;
  VectorXd gradient;
  for (int epoch = 0; epoch < options_.epochs; ++epoch) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[rng_.below(i)]);
    for (std::size_t from = 0; from < order.size(); from += size) {
      const std::size_t to = std::min(order.size(), from + size);
      const PpoBatch batch = minibatch(order, from, to, advantages, returns);
      const PpoLoss loss = ppo_loss(network_, batch, options_.loss, gradient);
      const double norm = clip_gradient_norm(gradient, options_.gradient_norm_max);
      if (std::isfinite(loss.total) && std::isfinite(norm)) {
        adam_.step(network_.parameters(), gradient, rate);
      } else {
        ++stats.minibatches_skipped;
      }
      stats.policy_loss += loss.policy_loss;
      stats.value_loss += loss.value_loss;
      stats.entropy += loss.entropy;
      stats.approx_kl += loss.approx_kl;
      stats.clip_fraction += loss.clip_fraction;
      count += 1.0;
    }
  }
  stats.policy_loss /= count;
  stats.value_loss /= count;
  stats.entropy /= count;
  stats.approx_kl /= count;
  stats.clip_fraction /= count;
}

PpoBatch PpoAgent::minibatch(const std::vector<Index>& order, std::size_t from, std::size_t to,
                             const VectorXd& advantages, const VectorXd& returns) const {
  const auto size = static_cast<Index>(to - from);
  const Index items = network_.items();
  const Index actions = network_.actions();
  PpoBatch batch;
  batch.features.resize(kFeatureCount, size * items);
  batch.allowed.reserve(static_cast<std::size_t>(size * actions));
  batch.log_probabilities.resize(size);
  batch.advantages.resize(size);
  batch.returns.resize(size);
  for (Index i = 0; i < size; ++i) {
    const Index at = order[from + static_cast<std::size_t>(i)];
    batch.features.middleCols(i * items, items) = features_.middleCols(at * items, items);
    const auto first = allowed_.begin() + at * actions;
    batch.allowed.insert(batch.allowed.end(), first, first + actions);
    batch.actions.push_back(actions_[static_cast<std::size_t>(at)]);
    batch.log_probabilities[i] = log_probabilities_[at];
    batch.advantages[i] = advantages[at];
    batch.returns[i] = returns[at];
  }
  // Over the minibatch, as is usual; one sample alone has nothing to be normalised by.
  if (size > 1) batch.advantages = normalised(batch.advantages);
  return batch;
}

Hyperparameters PpoAgent::hyperparameters() const {
  return {options_.learning_rate, options_.loss.clip, options_.loss.entropy_weight};
}

void PpoAgent::set_hyperparameters(const Hyperparameters& values) {
  options_.learning_rate = values.learning_rate;
  options_.loss.clip = values.clip_range;
  options_.loss.entropy_weight = values.entropy_coefficient;
}

void PpoAgent::restore(Learnt learnt) {
  assert(learnt.parameters.size() == network_.parameters().size());
  network_.parameters() = std::move(learnt.parameters);
  adam_.restore(std::move(learnt.adam));
  recorded_ = 0;
}

double PpoAgent::learning_rate() const {
  const double done =
      static_cast<double>(steps_learnt_) / static_cast<double>(options_.steps_planned);
  return options_.learning_rate * std::max(0.01, 1.0 - done);
}

}  // namespace trainer
