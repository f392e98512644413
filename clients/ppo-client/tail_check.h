#pragma once

#include <functional>

#include "ppo-client/options.h"
#include "ppo-client/output.h"

namespace client {

// Follows all bridges of options.url at once and compares their logs (log_check.h) until `stop` says so or as many
// events as the task counts were compared. A line every few seconds tells how far it is. kExitOk: nothing was wrong;
// kExitFailed: something was, a bridge was never there, or not all could be compared.
ExitCode tail_check(const Options& options, const TailOptions& task, Output& out, Output& err,
                    const std::function<bool()>& stop);

}  // namespace client
