#include "ppo-client/registry.h"

#include <algorithm>
#include <map>
#include <set>

#include "feed/json.h"

namespace client {
namespace {

namespace json = feed::json;

std::vector<std::string> strings(std::string_view array) {
  std::vector<std::string> found;
  json::for_each_element(array, [&](std::string_view element) {
    if (auto text = json::as_string(element)) found.push_back(std::move(*text));
  });
  return found;
}

std::vector<std::string> list(const std::set<std::string>& names) {
  return {names.begin(), names.end()};
}

bool knows(const Registry::Source& source, std::string_view command) {
  return std::find(source.commands.begin(), source.commands.end(), command) !=
         source.commands.end();
}

}  // namespace

std::vector<std::string> Registry::source_names() const {
  std::set<std::string> names;
  for (const Source& source : sources) names.insert(source.name);
  return list(names);
}

std::vector<std::string> Registry::agents() const {
  std::set<std::string> names;
  for (const Source& source : sources) {
    if (!source.gone) names.insert(source.agents.begin(), source.agents.end());
  }
  return list(names);
}

std::vector<std::string> Registry::commands() const {
  std::set<std::string> names;
  for (const Source& source : sources) {
    if (!source.gone) names.insert(source.commands.begin(), source.commands.end());
  }
  return list(names);
}

std::vector<std::string> Registry::targets(std::string_view command) const {
  const bool any_knows = std::any_of(sources.begin(), sources.end(), [&](const Source& source) {
    return !source.gone && knows(source, command);
  });
  std::map<std::string, int> homes;  // of an agent's name, among all: the bridge counts them so
  for (const Source& source : sources) {
    if (source.gone) continue;
    for (const std::string& agent : source.agents) ++homes[agent];
  }
  std::set<std::string> names;
  for (const Source& source : sources) {
    // A source without commands is no trainer.
    if (source.gone || source.commands.empty()) continue;
    if (any_knows && !knows(source, command)) continue;
    std::vector<std::string> processes;
    for (const std::string& run : source.runs) processes.push_back(source.name + "@" + run);
    if (processes.empty()) processes.push_back(source.name);
    for (const std::string& process : processes) {
      names.insert(process);
      for (const std::string& agent : source.agents) {
        const bool apart = homes[agent] > 1 || processes.size() > 1;
        names.insert(apart ? process + "/" + agent : agent);
      }
    }
  }
  if (!names.empty()) names.insert("*");
  return list(names);
}

Registry read_registry(std::string_view result) {
  Registry registry;
  json::for_each_element(json::member(result, "sources"), [&](std::string_view entry) {
    Registry::Source source;
    source.name = json::as_string(json::member(entry, "source")).value_or("");
    json::for_each_element(json::member(entry, "runs"), [&](std::string_view run) {
      if (auto id = json::as_string(json::member(run, "run"))) source.runs.push_back(*id);
    });
    source.agents = strings(json::member(entry, "agents"));
    source.commands = strings(json::member(entry, "commands"));
    source.gone = json::as_string(json::member(entry, "state")) == "gone";
    if (!source.name.empty()) registry.sources.push_back(std::move(source));
  });
  return registry;
}

}  // namespace client
