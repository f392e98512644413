// Which trainers a target means.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "event/messages.h"
#include "sources/source_table.h"

namespace bridge {

// A trainer that a command goes to, and whom in it.
struct CommandAim {
  std::string source;
  Run* run = nullptr;  // it is meant, and known; null: whoever has the source's name
  std::string agent;   // empty: the trainer itself

  // Null where nobody was ever heard of under that name: its connection may be there all the same.
  ControlLine* line(const SourceTable& table) const;
};

// `target` is a source, an agent, SOURCE/AGENT, SOURCE@RUN, SOURCE@RUN/AGENT or "*" (PROTOCOL section 5).
// At least one aim, or why there is none.
Result<std::vector<CommandAim>, RequestError> find_targets(const SourceTable& table,
                                                           const std::string& target);

}  // namespace bridge
