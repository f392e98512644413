// The Adam optimiser and gradient clipping.
#pragma once

#include <cstdint>

#include <Eigen/Core>

namespace trainer {

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-5;
};

// Where an optimiser stands: with it and the parameters it goes on as if it had never stopped.
struct AdamState {
  Eigen::VectorXd first_moment;
  Eigen::VectorXd second_moment;
  std::int64_t steps = 0;
};

// Kingma and Ba, "Adam: a method for stochastic optimization", 2015, algorithm 1. Belongs to one
// thread.
class Adam {
 public:
  Adam(Eigen::Index parameter_count, AdamOptions options);

  // Moves `parameters` one step against `gradient`. REQUIRES: sizes fit; the gradient is finite.
  void step(Eigen::Ref<Eigen::VectorXd> parameters, const Eigen::VectorXd& gradient,
            double learning_rate);

  [[nodiscard]] const AdamState& state() const { return state_; }
  // REQUIRES: sizes as before.
  void restore(AdamState state);

 private:
  AdamOptions options_;
  AdamState state_;
};

// Scales `gradient` down to the norm `norm_max` where it is longer (Pascanu, Mikolov and Bengio
// 2013, algorithm 1) and returns its norm before that; NaN or infinity where an entry is not
// finite, and then leaves the gradient alone. REQUIRES: norm_max > 0.
double clip_gradient_norm(Eigen::VectorXd& gradient, double norm_max);

}  // namespace trainer
