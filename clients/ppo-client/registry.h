// Who can be told what: the bridge's registry of sources, as far as a command line needs it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace client {

struct Registry {
  struct Source {
    std::string name;
    std::vector<std::string> runs;  // where several live processes have that name, else empty
    std::vector<std::string> agents;
    std::vector<std::string> commands;
    bool gone = false;
  };
  std::vector<Source> sources;

  // All in order, each once. Sources that are gone are left out of all but source_names().
  std::vector<std::string> source_names() const;
  std::vector<std::string> agents() const;
  std::vector<std::string> commands() const;

  // What a command can be aimed at: agents (by SOURCE/AGENT where several sources have one of that
  // name), sources (by SOURCE@RUN where several processes have that name) and "*". Only of those that
  // know `command`, where any does.
  std::vector<std::string> targets(std::string_view command) const;
};

// From the result of get_sources; what is not there or not as expected is left out.
// REQUIRES: feed::json::valid(result) or result.empty()
Registry read_registry(std::string_view result);

}  // namespace client
