#include "trainer/adam.h"

#include <cassert>
#include <cmath>

namespace trainer {

Adam::Adam(Eigen::Index parameter_count, AdamOptions options)
    : options_(options),
      first_moment_(Eigen::VectorXd::Zero(parameter_count)),
      second_moment_(Eigen::VectorXd::Zero(parameter_count)) {}

void Adam::step(Eigen::Ref<Eigen::VectorXd> parameters, const Eigen::VectorXd& gradient,
                double learning_rate) {
  assert(parameters.size() == gradient.size() && gradient.size() == first_moment_.size());
  ++steps_;
  const double t = static_cast<double>(steps_);
  first_moment_ = options_.beta1 * first_moment_ + (1.0 - options_.beta1) * gradient;
  second_moment_ =
      options_.beta2 * second_moment_ + (1.0 - options_.beta2) * gradient.array().square().matrix();
  const double first_correction = 1.0 - std::pow(options_.beta1, t);
  const double second_correction = 1.0 - std::pow(options_.beta2, t);
  parameters.array() -= learning_rate * (first_moment_.array() / first_correction) /
                        ((second_moment_.array() / second_correction).sqrt() + options_.epsilon);
}

double clip_gradient_norm(Eigen::VectorXd& gradient, double norm_max) {
  assert(norm_max > 0.0);
  const double norm = gradient.norm();
  if (std::isfinite(norm) && norm > norm_max) gradient *= norm_max / norm;
  return norm;
}

}  // namespace trainer
