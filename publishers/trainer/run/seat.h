// One agent of a run with its environment.
#pragma once

#include <cstdint>
#include <string>

#include "trainer/agent/ppo_agent.h"
#include "trainer/env/flip_env.h"
#include "trainer/env/observation.h"

namespace trainer {

struct Seat {
  std::string agent_id;
  FlipEnv env;
  PpoAgent agent;
  Observation observation;  // what the agent sees now
  std::int64_t steps_done = 0;
  std::uint64_t episodes_begun = 0;
  bool episode_over = true;  // the next one has not begun
  bool paused = false;       // takes no steps
};

}  // namespace trainer
