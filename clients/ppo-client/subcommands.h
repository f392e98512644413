// What can be asked for on a command line.
#pragma once

#include "ppo-client/options.h"
#include "ppo-client/tasks.h"

namespace CLI {
class App;
}

namespace client {

// Declares the subcommands: their options are read into `texts`, and what is parsed leaves its task in `task`, or throws
// Mistake. Those that ask once go to `asking`, the others to `streaming`. All of these must outlive the parsing.
void declare_subcommands(CLI::App& asking, CLI::App& streaming, Texts& texts, Options::Task& task);

}  // namespace client
