#include "commands/command_targets.h"

#include <algorithm>
#include <iterator>
#include <set>
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
std::vector<CommandAim> aims_at(const Source& source, std::string_view node) {
  std::vector<CommandAim> aims;
  Run* published = nullptr;
  std::size_t rivals = 0;
  for (const auto& run : source.runs) {
    if (run->connected() && run->state != SourceState::gone) aims.push_back({std::string(node), source.name, run.get(), {}});
    if (run->connected() || run->ended() || run->id.empty()) continue;
    const bool live = is_live(*run);
    if (live) ++rivals;
    if (live || published == nullptr || !is_live(*published)) published = run.get();
  }
  if (aims.empty()) aims.push_back({std::string(node), source.name, rivals > 1 ? nullptr : published, {}});
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

bool is_connected(const Source& source) {
  return std::any_of(source.runs.begin(), source.runs.end(),
                     [](const auto& run) { return run->connected() && run->state != SourceState::gone; });
}

// What takes commands of a source that has such an agent, or of any where `agent` is empty.
void add_aims(const Source& source, std::string_view node, const std::string& agent, std::vector<CommandAim>& aims) {
  for (CommandAim& aim : aims_at(source, node)) {
    if (!agent.empty() && !has_agent(source, aim.run, agent)) continue;
    aim.agent = agent;
    // A run that moves is with two nodes for a moment: with the one that heard of it last.
    const auto same = std::find_if(aims.begin(), aims.end(), [&aim](const CommandAim& other) {
      return other.node != aim.node && other.source == aim.source && other.run != nullptr && aim.run != nullptr && other.run->id == aim.run->id;
    });
    if (same == aims.end()) {
      aims.push_back(std::move(aim));
    } else if (is_better({aim.node, aim.run}, {same->node, same->run})) {
      *same = std::move(aim);
    }
  }
}

// The nodes at which a source of that name is to be commanded: those where it is connected; where it is nowhere, the one
// that knows best of it.
std::vector<std::pair<std::string_view, const Source*>> homes_of(std::string_view name, const SourceTable& table, const Peers* peers) {
  auto all = sources_named(name, table, peers);
  if (all.size() <= 1) return all;
  std::vector<std::pair<std::string_view, const Source*>> connected;
  std::copy_if(all.begin(), all.end(), std::back_inserter(connected), [](const auto& one) { return is_connected(*one.second); });
  if (!connected.empty()) return connected;
  return {*std::min_element(all.begin(), all.end(), [](const auto& a, const auto& b) {
    const Run* const of_a = a.second->current();
    const Run* const of_b = b.second->current();
    return of_a != nullptr && (of_b == nullptr || is_better({a.first, of_a}, {b.first, of_b}));
  })};
}

// Whether its name is a trainer's by more than what anybody may publish.
bool has_said_hello(const Source& source) {
  return source.bound || std::any_of(source.runs.begin(), source.runs.end(), [](const auto& run) {
    return run->connected() || run->spoken_for_until_us != 0;
  });
}

// What is published, be it by anybody, takes no agent from a trainer that names it over its connection. `only`: none
// but such trainers are wanted.
void keep_connected(std::vector<CommandAim>& aims, bool only) {
  const auto published = [](const CommandAim& aim) { return aim.run == nullptr || !aim.run->connected(); };
  if (only || !std::all_of(aims.begin(), aims.end(), published)) {
    aims.erase(std::remove_if(aims.begin(), aims.end(), published), aims.end());
  }
}

std::set<std::string_view> names_of(const SourceTable& table, const Peers* peers) {
  std::set<std::string_view> names;
  for (const auto& [name, source] : table.sources()) names.insert(name);
  if (peers == nullptr) return names;
  for (const auto& [node, peer] : peers->nodes()) {
    for (const auto& [name, source] : peer.sources) names.insert(name);
  }
  return names;
}

Result<std::vector<CommandAim>, RequestError> find_all(const SourceTable& table, const Peers* peers) {
  std::vector<CommandAim> all = all_here(table, peers);
  if (peers != nullptr) {
    for (const auto& [node, peer] : peers->nodes()) {
      const auto takes = [](const auto& one) { return takes_commands(*one.second); };
      if (std::any_of(peer.sources.begin(), peer.sources.end(), takes)) all.push_back({node, {}, nullptr, {}});
    }
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

std::vector<CommandAim> all_here(const SourceTable& table, const Peers* peers) {
  std::vector<CommandAim> all;
  for (const auto& [name, source] : table.sources()) {
    if (!takes_commands(*source)) continue;
    for (const auto& [node, home] : homes_of(name, table, peers)) {
      if (node.empty()) add_aims(*home, node, {}, all);
    }
  }
  return all;
}

Result<std::vector<CommandAim>, RequestError> find_targets(const SourceTable& table, const std::string& target,
                                                           const CommandTargets* allowed, const Peers* peers) {
  const RequestError forbidden = {ErrorType::forbidden, "target is \"" + printable(target) + "\", which you may not command"};
  if (target == "*") return allowed == nullptr ? find_all(table, peers) : forbidden;
  const std::size_t slash = target.find('/');
  const std::string agent = slash == std::string::npos ? "" : target.substr(slash + 1);
  const std::string name = target.substr(0, slash);
  const std::size_t at = name.find('@');
  const auto may = [allowed](std::string_view its_source, std::string_view its_agent) {
    return allowed == nullptr || allowed->covers(its_source, its_agent);
  };
  const bool names_source = slash != std::string::npos || at != std::string::npos;
  if (names_source && !may(name.substr(0, at), agent)) return forbidden;
  std::vector<CommandAim> aims;
  if (at != std::string::npos) {
    Run* run = nullptr;
    std::string_view node;
    for (const auto& [its_node, source] : sources_named(name.substr(0, at), table, peers)) {
      for (const auto& one : source->runs) {
        if (one->id != name.substr(at + 1) || one->ended()) continue;
        if (run != nullptr && !is_better({its_node, one.get()}, {node, run})) continue;
        run = one.get();
        node = its_node;
      }
    }
    if (run == nullptr) return unknown(target, "there is no such run");
    if (!agent.empty() && run->agents.count(agent) == 0) return unknown(target, "there is no such agent");
    return std::vector{CommandAim{std::string(node), run->source->name, run, agent}};
  }
  const auto homes = homes_of(name, table, peers);
  const bool is_source = std::any_of(homes.begin(), homes.end(), [](const auto& home) {
    return !home.first.empty() || home.second->first_seen_us != 0;
  });
  const bool is_only_published =
      is_source && std::none_of(homes.begin(), homes.end(), [](const auto& home) { return has_said_hello(*home.second); });
  if (slash == std::string::npos && (!is_source || is_only_published)) {
    for (const std::string_view other : names_of(table, peers)) {
      if (!may(other, name)) continue;
      for (const auto& [node, known] : homes_of(other, table, peers)) {
        if (takes_commands(*known)) add_aims(*known, node, name, aims);
      }
    }
    keep_connected(aims, is_only_published);
  }
  if (is_source && aims.empty()) {
    if (!may(name, agent)) return forbidden;
    for (const auto& [node, source] : homes) add_aims(*source, node, agent, aims);
  } else if (slash == std::string::npos) {
    if (aims.empty() && !may(name, {})) return forbidden;
    // It may be a trainer that has not said a word yet; its socket will tell.
    if (aims.empty() && is_name(name)) aims.push_back({{}, name, nullptr, {}});
  }
  if (aims.size() == 1) return aims;
  if (aims.empty()) return unknown(target, is_name(name) ? "there is no such agent" : "no name");
  return several(target, aims);
}

}  // namespace bridge
