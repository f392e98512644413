#include "commands/command_targets.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace bridge {
namespace {

RequestError unknown(const std::string& target, const std::string& why) {
  return {ErrorType::unknown_target, "target is \"" + printable(target) + "\"; " + why};
}

// The runs that a source's bare name means: those that are connected, or, where none is, whoever has its
// name at the control socket. That is one connection, whatever runs are published under the name: where
// they are several the command names none of them.
std::vector<CommandAim> aims_at(const Source& source) {
  std::vector<CommandAim> aims;
  Run* published = nullptr;
  std::size_t rivals = 0;
  for (const auto& run : source.runs) {
    if (run->connected() && run->state != SourceState::gone) aims.push_back({source.name, run.get(), {}});
    if (run->connected() || run->ended() || run->id.empty()) continue;
    const bool live = is_live(*run);
    if (live) ++rivals;
    if (live || published == nullptr || !is_live(*published)) published = run.get();
  }
  if (aims.empty()) aims.push_back({source.name, rivals > 1 ? nullptr : published, {}});
  return aims;
}

bool has_agent(const Source& source, const Run* run, const std::string& agent) {
  if (run != nullptr) return run->agents.count(agent) != 0;
  return std::any_of(source.runs.begin(), source.runs.end(), [&agent](const auto& one) {
    return !one->ended() && one->agents.count(agent) != 0;
  });
}

bool takes_commands(const Source& source) {
  return std::any_of(source.runs.begin(), source.runs.end(),
                     [](const auto& run) { return is_live(*run); });
}

// What takes commands of a source that has such an agent, or of any where `agent` is empty.
void add_aims(const Source& source, const std::string& agent, std::vector<CommandAim>& aims) {
  for (CommandAim& aim : aims_at(source)) {
    if (!agent.empty() && !has_agent(source, aim.run, agent)) continue;
    aim.agent = agent;
    aims.push_back(std::move(aim));
  }
}

Result<std::vector<CommandAim>, RequestError> find_all(const SourceTable& table) {
  std::vector<CommandAim> all;
  for (const auto& [name, source] : table.sources()) {
    if (takes_commands(*source)) add_aims(*source, {}, all);
  }
  if (all.empty()) return unknown("*", "no trainer takes commands");
  return all;
}

// Several trainers are meant; the message names each so that it can be reached.
RequestError several(const std::string& target, const std::vector<CommandAim>& aims) {
  std::string names;
  bool one_source = true;
  for (const CommandAim& aim : aims) {
    const auto same = [&aim](const CommandAim& other) { return other.source == aim.source; };
    one_source = one_source && same(aims.front());
    names += (names.empty() ? "" : ", ") + aim.source;
    if (std::count_if(aims.begin(), aims.end(), same) > 1) names += "@" + aim.run->id;
    if (!aim.agent.empty()) names += "/" + aim.agent;
  }
  RequestError error = unknown(target, "there are several; name one: " + names);
  if (one_source) error.type = ErrorType::ambiguous_target;
  return error;
}

}  // namespace

ControlLine* CommandAim::line(const SourceTable& table) const {
  if (run != nullptr) return &SourceTable::line_of(*run);
  Source* const known = table.find(source);
  return known == nullptr ? nullptr : &known->by_name;
}

Result<std::vector<CommandAim>, RequestError> find_targets(const SourceTable& table, const std::string& target,
                                                           const CommandTargets* allowed) {
  const RequestError forbidden = {ErrorType::forbidden, "target is \"" + printable(target) + "\", which you may not command"};
  if (target == "*") return allowed == nullptr ? find_all(table) : forbidden;
  const std::size_t slash = target.find('/');
  const std::string agent = slash == std::string::npos ? "" : target.substr(slash + 1);
  const std::string name = target.substr(0, slash);
  const std::size_t at = name.find('@');
  const auto may = [allowed](std::string_view its_source, std::string_view its_agent) {
    return allowed == nullptr || allowed->covers(its_source, its_agent);
  };
  const bool names_source = slash != std::string::npos || at != std::string::npos;
  if (names_source && !may(name.substr(0, at), agent)) return forbidden;
  if (at != std::string::npos) {
    Run* const run = table.find(name.substr(0, at), name.substr(at + 1));
    if (run == nullptr || run->ended()) return unknown(target, "there is no such run");
    if (!agent.empty() && run->agents.count(agent) == 0) return unknown(target, "there is no such agent");
    return std::vector{CommandAim{run->source->name, run, agent}};
  }
  std::vector<CommandAim> aims;
  const Source* const source = table.find(name);
  const bool is_source = source != nullptr && source->first_seen_us != 0;
  if (is_source) {
    if (!may(name, agent)) return forbidden;
    add_aims(*source, agent, aims);
  } else if (slash == std::string::npos) {
    for (const auto& [other, known] : table.sources()) {
      if (may(other, name) && takes_commands(*known)) add_aims(*known, name, aims);
    }
    if (aims.empty() && !may(name, {})) return forbidden;
    // It may be a trainer that has not said a word yet; its socket will tell.
    if (aims.empty() && is_name(name)) aims.push_back({name, nullptr, {}});
  }
  if (aims.size() == 1) return aims;
  if (aims.empty()) return unknown(target, is_name(name) ? "there is no such agent" : "no name");
  return several(target, aims);
}

}  // namespace bridge
