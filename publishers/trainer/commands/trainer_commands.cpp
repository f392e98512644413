#include "trainer/commands/trainer_commands.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <ppo_publisher/events.h>

namespace trainer {
namespace {

constexpr double kLearningRateMax = 1.0;
constexpr double kClipRangeMax = 1.0;
constexpr double kEntropyCoefficientMax = 1.0;
constexpr std::size_t kAgentsDeclaredMax = 64 / 3;  // a source may declare 64 parameters

constexpr const char* kLearningRate = "learning_rate";
constexpr const char* kClipRange = "clip_range";
constexpr const char* kEntropyCoefficient = "entropy_coefficient";

double& value_of(Hyperparameters& all, const std::string& name) {
  if (name == kLearningRate) return all.learning_rate;
  return name == kClipRange ? all.clip_range : all.entropy_coefficient;
}

}  // namespace

TrainerCommands::TrainerCommands(TrainingRun& training, ppo::Publisher& publisher,
                                 std::string checkpoint_path)
    : training_(training), publisher_(publisher), checkpoints_(std::move(checkpoint_path)) {
  std::vector<std::string> agent_ids;
  for (std::size_t n = 0; n < training.agents(); ++n) {
    agent_ids.push_back(training.seat(n).agent_id);
  }
  publisher.set_agents(agent_ids);
  declare_parameters();
  add("pause", &TrainerCommands::pause);
  add("resume", &TrainerCommands::resume);
  add("get_hyperparameters", &TrainerCommands::get_hyperparameters);
  add("set_hyperparameter", &TrainerCommands::set_hyperparameter);
  add("save_checkpoint", &TrainerCommands::save_checkpoint);
  add("load_checkpoint", &TrainerCommands::load_checkpoint);
  add("get_portfolio", &TrainerCommands::get_portfolio);
  add("place_order", &TrainerCommands::place_order);
  add("cancel_order", &TrainerCommands::cancel_order);
  add("stop", &TrainerCommands::stop);
  training.answer_commands_of(publisher);
}

void TrainerCommands::add(const char* name, Method method) {
  const auto handler = [this, method](const ppo::Command& command) {
    const Targets found = targets(command.agent_id);
    if (found.empty()) {
      return Result::rejected("agent_id is '" + command.agent_id + "'; must be " + agent_names());
    }
    CommandParams params(command.params);
    return (this->*method)(found, params);
  };
  publisher_.on_command(name, handler);  // where it fails, error() says so
}

TrainerCommands::Targets TrainerCommands::targets(const std::string& agent_id) const {
  Targets found;
  for (std::size_t n = 0; n < training_.agents(); ++n) {
    if (agent_id.empty() || training_.seat(n).agent_id == agent_id) found.push_back(n);
  }
  return found;
}

std::string TrainerCommands::agent_names() const {
  const std::string& first = training_.seat(0).agent_id;
  if (training_.agents() == 1) return first;
  return "one of " + first + ".." + training_.seat(training_.agents() - 1).agent_id;
}

TrainerCommands::Result TrainerCommands::needs_one_agent() const {
  return Result::rejected("agent_id is missing; must be " + agent_names());
}

TrainerCommands::Result TrainerCommands::pause(const Targets& targets, CommandParams& params) {
  return set_paused(targets, params, true);
}

TrainerCommands::Result TrainerCommands::resume(const Targets& targets, CommandParams& params) {
  return set_paused(targets, params, false);
}

TrainerCommands::Result TrainerCommands::set_paused(const Targets& targets, CommandParams& params,
                                                    bool paused) {
  if (const std::string wrong = params.complaint(); !wrong.empty()) return Result::rejected(wrong);
  if (!training_.training()) return Result::rejected("training has ended");
  const std::string state = paused ? "paused" : "resumed";
  for (const std::size_t n : targets) {
    Seat& seat = training_.seat(n);
    if (std::exchange(seat.paused, paused) == paused) continue;
    publisher_.publish(ppo::SystemStatus{
        state, seat.agent_id + " " + state + " at step " + std::to_string(seat.steps_done)});
  }
  bool all_paused = true;
  for (std::size_t n = 0; n < training_.agents(); ++n) {
    all_paused = all_paused && training_.seat(n).paused;
  }
  publisher_.set_state(all_paused ? "paused" : "running");
  return per_agent(targets, [&](std::size_t n) {
    return ppo::Object{{"state", paused ? "paused" : "running"},
                       {"step", training_.seat(n).steps_done}};
  });
}

TrainerCommands::Result TrainerCommands::get_hyperparameters(const Targets& targets,
                                                             CommandParams& params) {
  if (const std::string wrong = params.complaint(); !wrong.empty()) return Result::rejected(wrong);
  return per_agent(targets, [&](std::size_t n) {
    const Seat& seat = training_.seat(n);
    const Hyperparameters now = seat.agent.hyperparameters();
    return ppo::Object{{kLearningRate, now.learning_rate},
                       {"learning_rate_now", seat.agent.learning_rate()},  // it falls
                       {kClipRange, now.clip_range},
                       {kEntropyCoefficient, now.entropy_coefficient},
                       {"step", seat.steps_done},
                       {"update", seat.agent.updates()}};
  });
}

TrainerCommands::Result TrainerCommands::set_hyperparameter(const Targets& targets,
                                                            CommandParams& params) {
  const std::string name = params.one_of("name", {kLearningRate, kClipRange, kEntropyCoefficient});
  double value = 0.0;
  if (name == kLearningRate) {
    value = params.number_above("value", 0.0, kLearningRateMax);
  } else if (name == kClipRange) {
    value = params.number_above("value", 0.0, kClipRangeMax);
  } else {
    value = params.number("value", 0.0, kEntropyCoefficientMax);
  }
  if (const std::string wrong = params.complaint(); !wrong.empty()) return Result::rejected(wrong);
  for (const std::size_t n : targets) {
    if (training_.next_update(n)) continue;
    return Result::rejected(training_.seat(n).agent_id +
                            " has no update left that it could change");
  }
  Result result = per_agent(targets, [&](std::size_t n) {
    PpoAgent& agent = training_.seat(n).agent;
    Hyperparameters values = agent.hyperparameters();
    const double before = std::exchange(value_of(values, name), value);
    agent.set_hyperparameters(values);
    const auto next = training_.next_update(n);  // the first that learns with it
    return ppo::Object{{"name", name},
                       {"value", value},
                       {"previous", before},
                       {"update", next->update},
                       {"step", next->step}};
  });
  declare_parameters();
  return result;
}

// Of each agent as far as all can be told; otherwise those of the first stand for all.
void TrainerCommands::declare_parameters() {
  const bool each = training_.agents() <= kAgentsDeclaredMax;
  std::vector<ppo::Parameter> parameters;
  for (std::size_t n = 0; n < (each ? training_.agents() : 1); ++n) {
    const Seat& seat = training_.seat(n);
    const Hyperparameters now = seat.agent.hyperparameters();
    const std::string id = each ? seat.agent_id : "";
    parameters.push_back({kLearningRate, now.learning_rate, "number", 0, kLearningRateMax, "", id});
    parameters.push_back({kClipRange, now.clip_range, "number", 0, kClipRangeMax, "", id});
    parameters.push_back({kEntropyCoefficient, now.entropy_coefficient, "number", 0,
                          kEntropyCoefficientMax, "", id});
  }
  publisher_.set_parameters(parameters);
}

TrainerCommands::Result TrainerCommands::stop(const Targets& targets, CommandParams& params) {
  if (const std::string wrong = params.complaint(); !wrong.empty()) return Result::rejected(wrong);
  if (targets.size() < training_.agents()) {
    return Result::rejected("stop ends the whole process; send it to the source '" +
                            publisher_.source() + "'");
  }
  training_.stop();
  return Result::success(
      ppo::Object{{"state", "stopping"}, {"step", training_.steps_done()}}.json());
}

TrainerCommands::Result TrainerCommands::per_agent(
    const Targets& targets, const std::function<ppo::Object(std::size_t)>& members) const {
  ppo::Object agents;
  for (const std::size_t n : targets) {
    const std::string& id = training_.seat(n).agent_id;
    ppo::Object one{{"agent_id", id}};
    const ppo::Object more = members(n);
    for (const ppo::Field& field : more.fields()) one.add(field.name, field.value);
    if (targets.size() == 1) return Result::success(one.json());
    agents.add(id, one);
  }
  return Result::success(ppo::Object{{"agents", agents}}.json());
}

}  // namespace trainer
