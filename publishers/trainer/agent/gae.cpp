#include "trainer/agent/gae.h"

#include <cassert>

namespace trainer {

Eigen::VectorXd generalised_advantages(const Eigen::VectorXd& rewards,
                                       const Eigen::VectorXd& values,
                                       const std::vector<std::uint8_t>& dones, double next_value,
                                       double gamma, double lambda) {
  assert(rewards.size() == values.size());
  assert(static_cast<std::size_t>(rewards.size()) == dones.size());
  Eigen::VectorXd advantages(rewards.size());
  double following = 0.0;
  for (Eigen::Index t = rewards.size(); t-- > 0;) {
    const bool done = dones[static_cast<std::size_t>(t)] != 0;
    const double delta = rewards[t] + (done ? 0.0 : gamma * next_value) - values[t];
    following = delta + (done ? 0.0 : gamma * lambda * following);
    advantages[t] = following;
    next_value = values[t];
  }
  return advantages;
}

}  // namespace trainer
