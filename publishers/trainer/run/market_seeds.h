// Which markets are trained on and which are kept for the test.
//
// A market is known by a 64-bit seed. Those with the highest bit set are held out: no training seed
// has it, so no policy is ever judged on a market that it, or any other, was trained on.
#pragma once

#include <cstdint>

#include "market/prices/rng.h"

namespace trainer {

constexpr std::uint64_t kHeldOutBit = std::uint64_t{1} << 63;

// The market of a run's n-th training episode, from 0. All agents of a run trade on it side by
// side.
[[nodiscard]] inline std::uint64_t training_market(std::uint64_t run_seed, std::uint64_t episode) {
  return market::mix_seed(run_seed, episode) & ~kHeldOutBit;
}

// The n-th held-out market, from 0: the same for every run, whatever its seed.
[[nodiscard]] inline std::uint64_t held_out_market(std::uint64_t n) {
  return kHeldOutBit | n;
}

// The luck of an agent (its first weights and its draws), from 0.
[[nodiscard]] inline std::uint64_t agent_seed(std::uint64_t run_seed, std::uint64_t agent) {
  return market::mix_seed(~run_seed, agent);
}

}  // namespace trainer
