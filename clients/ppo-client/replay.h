// A stretch of the past, at its pace or as fast as it can be had.
#pragma once

#include <functional>

#include "ppo-client/line.h"
#include "ppo-client/options.h"
#include "ppo-client/output.h"

namespace client {

// Prints the events that the bridge replays to `out`, and to `err` how it ended: at its end, or before
// that where `stop` says so or nobody reads `out` any more (all kExitOk). A connection that is lost on
// the way is kExitFailed: what was printed is then not all.
ExitCode replay(const Options& options, const ReplayOptions& task, const Style& style, Output& out,
                Output& err, const std::function<bool()>& stop);

// The event as it was in the stream: without the mark of a replay, which the bridge puts last.
std::string unmarked(const std::string& event);

// The columns of an export, and an event in them (RFC 4180).
std::string csv_header();
std::string csv_line(const std::string& event);

}  // namespace client
