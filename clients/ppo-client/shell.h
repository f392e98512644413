// `ppo-client shell`: one connection, many commands.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "ppo-client/line.h"
#include "ppo-client/options.h"
#include "ppo-client/output.h"

namespace client {

// Reads commands until the input ends or `exit`: from a prompt where standard input and output are
// terminals, else a line each from standard input, going on after errors. The code is that of the
// first command that failed; from a prompt, kExitOk.
ExitCode shell(const Options& options, const Style& style, Output& out, Output& err);

// The same with lines from anywhere; nothing is their end. `err` is told of the connection.
using ReadLine = std::function<std::optional<std::string>()>;
ExitCode run_lines(const Options& options, const Style& style, Output& out, Output& err,
                   const ReadLine& read_line);

}  // namespace client
