// Which trainers a target means.
#pragma once

#include <string>
#include <vector>

#include "access/access.h"
#include "base/result.h"
#include "event/messages.h"
#include "sources/peers.h"
#include "sources/source_table.h"

namespace bridge {

// A trainer that a command goes to, and whom in it.
struct CommandAim {
  std::string node;    // of the cluster, where it is connected; empty: here
  std::string source;
  Run* run = nullptr;  // it is meant, and known; null: whoever has the source's name
  std::string agent;   // empty: the trainer itself
};

// `target` is a source, an agent, SOURCE/AGENT, SOURCE@RUN, SOURCE@RUN/AGENT or "*" (PROTOCOL section 5).
// At least one aim, or why there is none. With `allowed` it means one of those, as if there were no others; where it means none
// of them it is `forbidden`, and so is "*". `peers`: trainers of other bridges too; null: there are none. Of "*" these are one
// aim a node, without a source.
Result<std::vector<CommandAim>, RequestError> find_targets(const SourceTable& table, const std::string& target,
                                                           const CommandTargets* allowed = nullptr, const Peers* peers = nullptr);
// What "*" means of those that are here: none that another node has a better claim to.
std::vector<CommandAim> all_here(const SourceTable& table, const Peers* peers);

}  // namespace bridge
