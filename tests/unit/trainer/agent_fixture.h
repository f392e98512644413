// What an agent of three items looks at.
#pragma once

#include <cstddef>
#include <cstdint>

#include <Eigen/Core>

#include "market/prices/rng.h"
#include "trainer/env/actions.h"
#include "trainer/env/observation.h"

constexpr std::size_t kItems = 3;

// Something to look at, different for each `n`.
inline trainer::Observation scene(std::uint64_t n) {
  market::Rng rng(n);
  trainer::Observation observation;
  observation.features.resize(trainer::kFeatureCount, kItems);
  for (Eigen::Index i = 0; i < observation.features.size(); ++i) {
    observation.features.data()[i] = rng.normal();
  }
  observation.allowed.assign(trainer::action_count(kItems), 1);
  observation.menu.resize(kItems);
  return observation;
}
