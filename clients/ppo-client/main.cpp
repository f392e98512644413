// ppo-client: a terminal's view of the bridge. Puts the parts together and does nothing else.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string_view>
#include <variant>

#include "ppo-client/ask.h"
#include "ppo-client/options.h"
#include "ppo-client/output.h"
#include "ppo-client/output_file.h"
#include "ppo-client/replay.h"
#include "ppo-client/shell.h"
#include "ppo-client/stop_signal.h"
#include "ppo-client/tail.h"
#include "ppo-client/tail_check.h"
#include "ppo-client/top.h"

namespace {

using namespace client;

bool wants_colours(Options::When when, bool terminal) {
  if (when != Options::When::kAuto) return when == Options::When::kAlways;
  const char* const no_color = std::getenv("NO_COLOR");
  const char* const term = std::getenv("TERM");
  const bool refused = no_color != nullptr && *no_color != '\0';
  const bool dumb = term != nullptr && std::string_view(term) == "dumb";
  return terminal && !refused && !dumb;
}

ExitCode export_to_file(const Options& options, const ReplayOptions& task, Output& err) {
  OutputFile file(task.output, task.replace);
  Output out(file.descriptor(), stop_requested);
  const ExitCode code = replay(options, task, {}, out, err, stop_requested);
  if (code != kExitOk) return code;
  if (out.broken()) throw std::runtime_error(task.output + " cannot be written: " + std::strerror(out.error()));
  if (stop_requested()) throw std::runtime_error("stopped; " + task.output + " is not written");
  file.keep();
  return kExitOk;
}

ExitCode run(const Options& options, Output& out, Output& err) {
  const Style style{wants_colours(options.colour, out.is_terminal()), out.terminal_width()};
  if (const auto* task = std::get_if<TailOptions>(&options.task)) {
    catch_stop_signals();
    if (task->check) return tail_check(options, *task, out, err, stop_requested);
    return tail(options, *task, style, out, err, stop_requested);
  }
  if (const auto* task = std::get_if<ReplayOptions>(&options.task)) {
    catch_stop_signals();
    if (!task->output.empty()) return export_to_file(options, *task, err);
    return replay(options, *task, style, out, err, stop_requested);
  }
  if (const auto* task = std::get_if<TopOptions>(&options.task)) {
    catch_stop_signals();
    return top(options, *task, style, out, err, stop_requested);
  }
  if (std::holds_alternative<ShellOptions>(options.task)) return shell(options, style, out, err);
  return ask(options, std::get<AskOptions>(options.task), style, out, err);
}

// What has been printed counts where it could be written, or nobody wanted it.
ExitCode said(ExitCode code, Output& out) {
  out.flush();
  if (out.error() == 0) return code;
  throw std::runtime_error(std::string("standard output cannot be written: ") + std::strerror(out.error()));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    ignore_broken_pipes();
    Output out(STDOUT_FILENO, stop_requested);
    Output err(STDERR_FILENO, stop_requested);
    const auto parsed = parse_options(argc, argv);
    if (const auto* leave = std::get_if<Leave>(&parsed)) {
      (leave->code == kExitOk ? out : err).text(leave->text);
      err.flush();
      return said(leave->code, out);
    }
    return said(run(std::get<Options>(parsed), out, err), out);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return kExitFailed;
  }
}
