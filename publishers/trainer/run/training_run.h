// A whole run: train the agents, then judge them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "market/items/item.h"
#include "trainer/options.h"
#include "trainer/run/progress.h"
#include "trainer/run/seat.h"

namespace ppo {
class Publisher;
}

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
// on the same sequence of markets. Agents do not move the market, so they do not meet, and one that
// is paused misses nothing. The result is a function of the items, the agents, steps, seed,
// eval_episodes, learning rate, gamma, and what commands change: neither publishing nor pace nor
// progress nor pauses touch it.
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

  // Steps that each agent has trained; some may be ahead of others that were paused.
  [[nodiscard]] std::int64_t steps_done() const;

  // ---- For commands. run() answers those of `commands` as it goes: between steps and between
  // updates, and while it waits.

  void answer_commands_of(ppo::Publisher& commands) { commands_ = &commands; }

  // True until the policies are judged; from then on they and their environments are left alone.
  [[nodiscard]] bool training() const { return !judging_; }
  [[nodiscard]] std::size_t agents() const { return seats_.size(); }
  [[nodiscard]] Seat& seat(std::size_t n) { return *seats_[n]; }

  // What the n-th agent's next update will be; none where it has learnt all it will.
  struct NextUpdate {
    std::int64_t update = 0;  // from 1
    std::int64_t step = 0;    // how many steps the agent will have taken by then
  };
  [[nodiscard]] std::optional<NextUpdate> next_update(std::size_t n) const;

  // run() returns soon, without a result.
  void stop() { stop_commanded_ = true; }

 private:
  using Clock = std::chrono::steady_clock;

  // False where it was told to stop.
  [[nodiscard]] bool train();
  // One step of each agent that may take one; which was the first, none where nobody may.
  [[nodiscard]] std::optional<std::size_t> step_all();
  void step(std::size_t n);
  void publish_market(std::size_t lead);
  void begin_episodes();  // of those whose last one is over
  void update(std::size_t n);
  [[nodiscard]] bool update_due(const Seat& seat) const;
  [[nodiscard]] bool may_step(const Seat& seat) const;
  [[nodiscard]] bool finished() const { return steps_done() >= options_.steps; }
  [[nodiscard]] std::optional<RunResult> evaluate();

  void answer_commands();
  [[nodiscard]] bool stopping() const;
  // Answers commands until `due`; false where it was told to stop.
  [[nodiscard]] bool wait_until(Clock::time_point due);

  const Options& options_;
  Telemetry* telemetry_;
  Progress& progress_;
  const StopSignal& stop_;
  ppo::Publisher* commands_ = nullptr;
  std::vector<std::unique_ptr<Seat>> seats_;
  std::size_t lead_ = 0;  // whose market is published
  bool judging_ = false;
  bool stop_commanded_ = false;
};

}  // namespace trainer
