#include <algorithm>
#include <string>
#include <utility>

#include "trainer/commands/trainer_commands.h"
#include "trainer/env/observation.h"

namespace trainer {
namespace {

std::string bad_path(const std::string& path) {
  const std::string shown = path.size() <= 100 ? "'" + path + "'" : "too long";
  return "path is " + shown + "; must be a file name: 1-100 of A-Z a-z 0-9 _ . -, no dot in front";
}

// The agent's own entry, or the only one there is where one agent asks.
const AgentCheckpoint* entry_for(const std::string& agent_id, bool alone,
                                 const std::vector<AgentCheckpoint>& entries) {
  for (const AgentCheckpoint& entry : entries) {
    if (entry.agent_id == agent_id) return &entry;
  }
  return alone && entries.size() == 1 ? &entries.front() : nullptr;
}

}  // namespace

TrainerCommands::Result TrainerCommands::save_checkpoint(const Targets& targets,
                                                         CommandParams& params) {
  std::string path;
  const bool named = params.has("path");
  if (named) path = params.text("path");
  if (const std::string wrong = params.complaint(); !wrong.empty()) return Result::rejected(wrong);

  std::vector<AgentCheckpoint> entries;
  for (const std::size_t n : targets) {
    const Seat& seat = training_.seat(n);
    entries.push_back({seat.agent_id, kFeatureCount, seat.agent.options().hidden,
                       seat.agent.updates(), seat.steps_done, seat.agent.learnt()});
  }
  const auto [least, most] =
      std::minmax_element(entries.begin(), entries.end(),
                          [](const auto& a, const auto& b) { return a.steps < b.steps; });
  const bool one_step = least->steps == most->steps;
  if (!named) {
    // Cut so that the longest name is one that can be loaded.
    path = (entries.size() == 1 ? least->agent_id : publisher_.source()).substr(0, 50) + "-step" +
           std::to_string(least->steps);
    if (!one_step) path += "to" + std::to_string(most->steps);
    std::replace(path.begin(), path.end(), ':', '-');
    path.erase(0, path.find_first_not_of('.'));
    path += ".ckpt";
  }
  if (!CheckpointDirectory::is_name(path)) return Result::rejected(bad_path(path));
  const std::string bytes = encode_checkpoint(entries);
  const std::string error =
      named ? checkpoints_.save(path, bytes) : checkpoints_.save_new(path, bytes);
  if (!error.empty()) return Result::rejected(error);
  ppo::List agents;
  ppo::Object steps;
  for (const AgentCheckpoint& entry : entries) {
    agents.add(entry.agent_id);
    steps.add(entry.agent_id, entry.steps);
  }
  ppo::Object result{{"path", path}, {"bytes", bytes.size()}, {"agents", agents}, {"steps", steps}};
  if (one_step) result.add("step", least->steps);
  return Result::success(result.json());
}

std::string TrainerCommands::misfit(const AgentCheckpoint& checkpoint, const Seat& seat) const {
  const auto count = seat.agent.network().parameters().size();
  if (checkpoint.features == kFeatureCount && checkpoint.hidden == seat.agent.options().hidden &&
      checkpoint.learnt.parameters.size() == count) {
    return {};
  }
  return "its network of " + std::to_string(checkpoint.learnt.parameters.size()) + " weights (" +
         std::to_string(checkpoint.features) + " features, " + std::to_string(checkpoint.hidden) +
         " hidden units) is not like that of " + seat.agent_id + ", " + std::to_string(count) +
         " (" + std::to_string(kFeatureCount) + ", " + std::to_string(seat.agent.options().hidden) +
         ")";
}

TrainerCommands::Result TrainerCommands::load_checkpoint(const Targets& targets,
                                                         CommandParams& params) {
  const std::string path = params.text("path");
  if (const std::string wrong = params.complaint(); !wrong.empty()) return Result::rejected(wrong);
  if (!CheckpointDirectory::is_name(path)) return Result::rejected(bad_path(path));
  if (!training_.training()) return Result::rejected("training has ended");
  std::string bytes;
  if (const std::string error = checkpoints_.load(path, bytes); !error.empty()) {
    return Result::rejected(error);
  }
  const CheckpointLoad load = decode_checkpoint(bytes);
  if (!load.ok()) return Result::rejected(path + " is refused: " + load.error);

  // All of them or none.
  std::vector<const AgentCheckpoint*> entries;
  for (const std::size_t n : targets) {
    const Seat& seat = training_.seat(n);
    const AgentCheckpoint* entry = entry_for(seat.agent_id, targets.size() == 1, load.agents);
    const std::string why =
        entry == nullptr ? "it does not hold " + seat.agent_id : misfit(*entry, seat);
    if (!why.empty()) return Result::rejected(path + " is refused: " + why);
    entries.push_back(entry);
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    training_.seat(targets[i]).agent.restore(entries[i]->learnt);
  }
  std::size_t next = 0;
  return per_agent(targets, [&](std::size_t n) {
    const AgentCheckpoint& entry = *entries[next++];
    return ppo::Object{{"path", path},
                       {"saved_agent_id", entry.agent_id},
                       {"saved_step", entry.steps},
                       {"saved_update", entry.updates},
                       {"step", training_.seat(n).steps_done}};
  });
}

}  // namespace trainer
