// A whole run: train the agents, then judge them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "market/item.h"
#include "trainer/flip_env.h"
#include "trainer/options.h"
#include "trainer/ppo_agent.h"
#include "trainer/progress.h"

namespace trainer {

class StopSignal;
class Telemetry;

// Mean profits in gp an episode, on the same held-out markets.
struct RunResult {
  double trained = 0.0;  // over all agents, each with its greedy policy
  double random = 0.0;
  double hold = 0.0;
};

// "result trained=X random=Y hold=Z", in whole gp.
[[nodiscard]] std::string to_string(const RunResult& result);

// Trains `options.agents` agents side by side, each with a policy, an account and luck of its own,
// on the same sequence of markets. Agents do not move the market, so they do not meet. The result
// is a function of the items, the agents, steps, seed, eval_episodes, learning rate and gamma:
// neither publishing nor pace nor progress touches it.
//
// Belongs to one thread. What it is given must outlive it.
class TrainingRun {
 public:
  // `telemetry` may be null: then nothing is published. Throws std::invalid_argument where no item
  // of the table can be traded.
  TrainingRun(const Options& options, const std::vector<market::ItemFacts>& items,
              Telemetry* telemetry, Progress& progress, const StopSignal& stop);

  // None where it was told to stop; steps_done() says how far it came.
  [[nodiscard]] std::optional<RunResult> run();

  // Steps that each agent has trained.
  [[nodiscard]] std::int64_t steps_done() const { return steps_done_; }

 private:
  struct Seat {
    FlipEnv env;
    PpoAgent agent;
    Observation observation;
  };

  void begin_episode();
  // False where it was told to stop.
  [[nodiscard]] bool train();
  // One step of one agent; true at the end of its episode.
  [[nodiscard]] bool step(std::size_t n);
  void update(std::size_t n);
  [[nodiscard]] std::optional<RunResult> evaluate();

  const Options& options_;
  Telemetry* telemetry_;
  Progress& progress_;
  const StopSignal& stop_;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::uint64_t episodes_begun_ = 0;
  std::int64_t steps_done_ = 0;
};

}  // namespace trainer
