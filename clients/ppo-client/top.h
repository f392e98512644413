// `ppo-client top`: the bridge at a glance, as long as one looks.
#pragma once

#include <functional>

#include "ppo-client/line.h"
#include "ppo-client/options.h"
#include "ppo-client/output.h"

namespace client {

// On a terminal a screen that is drawn anew, which is gone when it ends; elsewhere, and with --once, plain text. Ends when
// `stop` says so or the output is broken.
ExitCode top(const Options& options, const TopOptions& task, const Style& style, Output& out, Output& err,
             const std::function<bool()>& stop);

}  // namespace client
