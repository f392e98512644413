// ppo-trainer: trains PPO agents on a simulated Grand Exchange and publishes what happens.
#include <sys/ioctl.h>
#include <unistd.h>

#include <exception>
#include <iostream>
#include <optional>

#include "market/items/item.h"
#include "trainer/commands/trainer_commands.h"
#include "trainer/options.h"
#include "trainer/run/progress.h"
#include "trainer/run/stop_signal.h"
#include "trainer/run/training_run.h"
#include "trainer/telemetry/telemetry.h"

namespace {

using namespace trainer;

ppo::PublisherOptions publisher_options(const Options& options) {
  ppo::PublisherOptions publisher;
  publisher.endpoint = options.events;
  publisher.control = options.control;
  publisher.curve = options.curve;
  publisher.source = options.source;
  publisher.run = options.run;
  return publisher;
}

std::size_t columns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

Progress::Style progress_style(const Options& options) {
  if (options.quiet) return Progress::Style::kQuiet;
  return ::isatty(STDERR_FILENO) == 1 ? Progress::Style::kTerminal : Progress::Style::kLines;
}

int run(const Options& options) {
  Progress progress(std::cerr, progress_style(options), options.steps, options.agents, columns);
  const StopSignal stop;
  std::optional<Telemetry> telemetry;
  if (options.publish) {
    telemetry.emplace(publisher_options(options), options.detail_rate);
    if (const std::string error = telemetry->error(); !error.empty()) {
      std::cerr << "ppo-trainer: --events " << options.events << ": " << error << "\n";
      return kExitBadUsage;
    }
  }
  TrainingRun training(options, market::builtin_items(), telemetry ? &*telemetry : nullptr,
                       progress, stop);
  std::optional<TrainerCommands> commands;
  if (telemetry && !options.control.empty()) {
    commands.emplace(training, telemetry->publisher(), options.checkpoints);
    if (const std::string error = commands->error(); !error.empty()) {
      std::cerr << "ppo-trainer: --control " << options.control << ": " << error << "\n";
      return kExitBadUsage;
    }
  }
  if (telemetry) {
    progress.say("publishing as " + telemetry->publisher().source() + " to " + options.events);
  }
  const std::optional<RunResult> result = training.run();
  if (telemetry) telemetry->close();
  if (!result) {
    progress.end_line();
    std::cerr << "stopped at step " << training.steps_done() << std::endl;
    return 0;
  }
  progress.end_line();
  std::cout << to_string(*result) << std::endl;
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const ParsedOptions parsed = parse_options(argc, argv, std::cout, std::cerr);
    return parsed.options ? run(*parsed.options) : parsed.exit_code;
  } catch (const std::exception& error) {
    std::cerr << "ppo-trainer: " << error.what() << "\n";
    return 1;
  }
}
