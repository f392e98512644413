// Generalised advantage estimation.
#pragma once

#include <cstdint>
#include <vector>

#include <Eigen/Core>

namespace trainer {

// Schulman, Moritz, Levine, Jordan and Abbeel, "High-dimensional continuous control using
// generalized advantage estimation", ICLR 2016, eq. 16:
//
//   A_t = sum_l (gamma lambda)^l delta_{t+l},   delta_t = r_t + gamma V(s_{t+1}) - V(s_t)
//
// where the sum ends with the episode and with the rollout. `dones[t]` says that step t ended its
// episode, after which V is 0; `next_value` is V of the state after the last step.
// REQUIRES: rewards, values and dones of equal size.
[[nodiscard]] Eigen::VectorXd generalised_advantages(const Eigen::VectorXd& rewards,
                                                     const Eigen::VectorXd& values,
                                                     const std::vector<std::uint8_t>& dones,
                                                     double next_value, double gamma,
                                                     double lambda);

}  // namespace trainer
