// What a configuration that is read anew changes in a bridge that runs, and what has to wait for its next start.
#pragma once

#include <string>
#include <vector>

#include "app/config.h"

namespace bridge {

struct ConfigReload {
  LoadedConfig now;                  // what holds from here on
  std::vector<std::string> changed;  // "log.level is \"debug\" (was \"info\")"
  std::vector<std::string> kept;     // "websocket.threads stays 1 (3 at the next start)"
  std::vector<std::string> waiting;  // the keys of these
  // Whether one of the section's keys is among those that changed.
  bool changes(const std::string& section) const;
};

// By what the table of keys says of each. Fails where what changes does not fit to what stays. `auth`: clients have to say
// who they are.
Result<ConfigReload> plan_reload(const LoadedConfig& running, const LoadedConfig& wanted, bool auth);

}  // namespace bridge
