// Events as they come, until someone says stop.
#pragma once

#include <functional>

#include "ppo-client/line.h"
#include "ppo-client/options.h"
#include "ppo-client/output.h"

namespace client {

// Prints events and gaps to `out`, and what becomes of the connection to `err`, until `stop` says
// so, as many events have come as were asked for, or nobody reads `out` any more (all of them:
// kExitOk).
ExitCode tail(const Options& options, const TailOptions& task, const Style& style, Output& out,
              Output& err, const std::function<bool()>& stop);

}  // namespace client
