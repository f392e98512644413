#include "trainer/agent/adam.h"

#include <cassert>
#include <cmath>
#include <utility>

namespace trainer {

Adam::Adam(Eigen::Index parameter_count, AdamOptions options)
    : options_(options),
      state_{Eigen::VectorXd::Zero(parameter_count), Eigen::VectorXd::Zero(parameter_count), 0} {}

void Adam::restore(AdamState state) {
  assert(state.first_moment.size() == state_.first_moment.size());
  assert(state.second_moment.size() == state_.second_moment.size());
  state_ = std::move(state);
}

void Adam::step(Eigen::Ref<Eigen::VectorXd> parameters, const Eigen::VectorXd& gradient,
                double learning_rate) {
  auto& [first_moment, second_moment, steps] = state_;
  assert(parameters.size() == gradient.size() && gradient.size() == first_moment.size());
  ++steps;
  const double t = static_cast<double>(steps);
  first_moment = options_.beta1 * first_moment + (1.0 - options_.beta1) * gradient;
  second_moment =
      options_.beta2 * second_moment + (1.0 - options_.beta2) * gradient.array().square().matrix();
  const double first_correction = 1.0 - std::pow(options_.beta1, t);
  const double second_correction = 1.0 - std::pow(options_.beta2, t);
  parameters.array() -= learning_rate * (first_moment.array() / first_correction) /
                        ((second_moment.array() / second_correction).sqrt() + options_.epsilon);
}

double clip_gradient_norm(Eigen::VectorXd& gradient, double norm_max) {
  assert(norm_max > 0.0);
  const double norm = gradient.norm();
  if (std::isfinite(norm) && norm > norm_max) gradient *= norm_max / norm;
  return norm;
}

}  // namespace trainer
