// What may be asked of a running trainer.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include <ppo_publisher/publisher.h>

#include "trainer/agent/checkpoint.h"
#include "trainer/commands/command_params.h"
#include "trainer/run/training_run.h"

namespace trainer {

// Registers the commands with a publisher, which has them run when the training run says so: on its
// thread, between steps. A command is for one agent, or for all of this process.
//
//   pause, resume
//   get_hyperparameters
//   set_hyperparameter   name: learning_rate | clip_range | entropy_coefficient; value
//   save_checkpoint      path (optional): the file's name in the checkpoint directory; without it,
//                        a new file that is named after the agents' own steps
//   load_checkpoint      path
//   get_portfolio
//   place_order          item, side: buy | sell, quantity, price
//   cancel_order         order: its number, or slot: 0..7
//   stop
//
// The result of one agent is an object with its `agent_id`; of several, `agents`: an object with
// one such object an agent, by id. A parameter that is missing, unknown or out of range rejects the
// command, and nothing is changed.
//
// Belongs to the training run's thread. What it is given must outlive the last command.
class TrainerCommands {
 public:
  TrainerCommands(TrainingRun& training, ppo::Publisher& publisher, std::string checkpoint_path);

  TrainerCommands(const TrainerCommands&) = delete;
  TrainerCommands& operator=(const TrainerCommands&) = delete;

  // Why no commands can be had; empty where all is well.
  [[nodiscard]] std::string error() const { return publisher_.command_error(); }

 private:
  using Result = ppo::CommandResult;
  using Targets = std::vector<std::size_t>;  // which agents; one at least
  using Method = Result (TrainerCommands::*)(const Targets&, CommandParams&);

  void add(const char* name, Method method);
  [[nodiscard]] Targets targets(const std::string& agent_id) const;
  [[nodiscard]] std::string agent_names() const;
  [[nodiscard]] Result needs_one_agent() const;
  void declare_parameters();

  Result pause(const Targets& targets, CommandParams& params);
  Result resume(const Targets& targets, CommandParams& params);
  Result set_paused(const Targets& targets, CommandParams& params, bool paused);
  Result get_hyperparameters(const Targets& targets, CommandParams& params);
  Result set_hyperparameter(const Targets& targets, CommandParams& params);
  Result stop(const Targets& targets, CommandParams& params);

  Result save_checkpoint(const Targets& targets, CommandParams& params);
  Result load_checkpoint(const Targets& targets, CommandParams& params);
  [[nodiscard]] std::string misfit(const AgentCheckpoint& checkpoint, const Seat& seat) const;

  Result get_portfolio(const Targets& targets, CommandParams& params);
  Result place_order(const Targets& targets, CommandParams& params);
  Result cancel_order(const Targets& targets, CommandParams& params);

  // `members(n)` of one agent, else `agents`: an object of those.
  [[nodiscard]] Result per_agent(const Targets& targets,
                                 const std::function<ppo::Object(std::size_t)>& members) const;

  TrainingRun& training_;
  ppo::Publisher& publisher_;
  CheckpointDirectory checkpoints_;
};

}  // namespace trainer
