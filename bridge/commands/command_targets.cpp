#include "commands/command_targets.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace bridge {
namespace {

RequestError unknown(const std::string& target, const char* why) {
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

Result<std::vector<CommandAim>, RequestError> find_all(const SourceTable& table) {
  std::vector<CommandAim> all;
  for (const auto& [name, source] : table.sources()) {
    if (!takes_commands(*source)) continue;
    for (CommandAim& aim : aims_at(*source)) all.push_back(std::move(aim));
  }
  if (all.empty()) return unknown("*", "no trainer takes commands");
  return all;
}

Result<std::vector<CommandAim>, RequestError> find_source(const Source& source,
                                                          const std::string& target,
                                                          const std::string& agent) {
  std::vector<CommandAim> aims;
  for (CommandAim& aim : aims_at(source)) {
    if (!agent.empty() && !has_agent(source, aim.run, agent)) continue;
    aim.agent = agent;
    aims.push_back(std::move(aim));
  }
  if (aims.empty()) return unknown(target, "there is no such agent");
  if (aims.size() == 1) return aims;
  std::string names;
  for (const CommandAim& aim : aims) {
    names += (names.empty() ? "" : ", ") + aim.source + "@" + aim.run->id +
             (agent.empty() ? "" : "/" + agent);
  }
  return RequestError{ErrorType::ambiguous_target,
                      "target is \"" + printable(target) + "\", of which there are several; name one: " + names};
}

}  // namespace

ControlLine* CommandAim::line(const SourceTable& table) const {
  if (run != nullptr) return &SourceTable::line_of(*run);
  Source* const known = table.find(source);
  return known == nullptr ? nullptr : &known->by_name;
}

Result<std::vector<CommandAim>, RequestError> find_targets(const SourceTable& table,
                                                           const std::string& target) {
  if (target == "*") return find_all(table);
  const std::size_t slash = target.find('/');
  const std::string agent = slash == std::string::npos ? "" : target.substr(slash + 1);
  const std::string name = target.substr(0, slash);
  const std::size_t at = name.find('@');
  if (at != std::string::npos) {
    Run* const run = table.find(name.substr(0, at), name.substr(at + 1));
    if (run == nullptr || run->ended()) return unknown(target, "there is no such run");
    if (!agent.empty() && run->agents.count(agent) == 0) return unknown(target, "there is no such agent");
    return std::vector{CommandAim{run->source->name, run, agent}};
  }
  const Source* const source = table.find(name);
  if (source != nullptr && source->first_seen_us != 0) return find_source(*source, target, agent);
  if (slash != std::string::npos) return unknown(target, "there is no such agent");
  std::vector<CommandAim> aims;
  for (const auto& [other, known] : table.sources()) {
    if (!takes_commands(*known)) continue;
    for (CommandAim& aim : aims_at(*known)) {
      if (!has_agent(*known, aim.run, name)) continue;
      aim.agent = name;
      aims.push_back(std::move(aim));
    }
  }
  if (aims.size() == 1) return aims;
  if (aims.empty()) {
    // It may be a trainer that has not said a word yet; its socket will tell.
    if (!is_name(name)) return unknown(target, "no name");
    return std::vector{CommandAim{name, nullptr, {}}};
  }
  std::string names;
  bool one_source = true;
  for (const CommandAim& aim : aims) {
    const bool twice = std::count_if(aims.begin(), aims.end(), [&aim](const CommandAim& other) {
                         return other.source == aim.source;
                       }) > 1;
    one_source = one_source && aim.source == aims.front().source;
    names += (names.empty() ? "" : ", ") + aim.source + (twice ? "@" + aim.run->id : "") + "/" + name;
  }
  RequestError error = unknown(target, ("an agent of several trainers; name one: " + names).c_str());
  if (one_source) error.type = ErrorType::ambiguous_target;
  return error;
}

}  // namespace bridge
