#include "trainer/options.h"

#include <algorithm>
#include <limits>
#include <sstream>

#include <CLI/CLI.hpp>

namespace trainer {
namespace {

constexpr std::int64_t kAgentsAskedMax = 256;
constexpr std::int64_t kStepsMax = 1'000'000'000'000;
constexpr std::int64_t kEvalEpisodesMax = 100'000;
constexpr double kRateMax = 1e6;
constexpr std::size_t kNameMax = 64;

// The first complaint about the options; empty where there is none.
class Checker {
 public:
  template <class Number>
  void range(const char* option, Number value, Number min, Number max) {
    if (!(value >= min && value <= max)) complain(option, value, min, max, "");
  }

  // Above `min`, not at it.
  void above(const char* option, double value, double min, double max) {
    if (!(value > min && value <= max)) complain(option, value, min, max, "above ");
  }

  void name(const char* option, const std::string& value) {
    const bool fits = !value.empty() && value.size() <= kNameMax &&
                      std::all_of(value.begin(), value.end(), [](char c) {
                        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                               (c >= '0' && c <= '9') || c == '_' || c == '.' || c == ':' ||
                               c == '-';
                      });
    if (!fits && complaint_.empty()) {
      complaint_ = std::string(option) + " is '" + value +
                   "'; must be 1-64 characters of A-Z a-z 0-9 _ . : -";
    }
  }

  void not_empty(const char* option, const std::string& value) {
    if (value.empty() && complaint_.empty()) {
      complaint_ = std::string(option) + " is ''; must name a directory";
    }
  }

  const std::string& complaint() const { return complaint_; }

 private:
  template <class Number>
  void complain(const char* option, Number value, Number min, Number max, const char* above) {
    if (!complaint_.empty()) return;
    std::ostringstream text;
    text << option << " is " << value << "; must be " << above << min << ".." << max;
    complaint_ = text.str();
  }

  std::string complaint_;
};

std::string complaint_about(const Options& options) {
  Checker check;
  check.range<std::int64_t>("--agents", options.agents, 1, kAgentsAskedMax);
  check.range<std::int64_t>("--steps", options.steps, 1, kStepsMax);
  check.range<std::int64_t>("--seed", options.seed, 0, std::numeric_limits<std::int64_t>::max());
  check.range<std::int64_t>("--eval-episodes", options.eval_episodes, 1, kEvalEpisodesMax);
  check.above("--lr", options.learning_rate, 0.0, 1.0);
  check.range("--gamma", options.gamma, 0.0, 1.0);
  check.range("--pace", options.pace, 0.0, kRateMax);
  check.range("--detail-rate", options.detail_rate, 0.0, kRateMax);
  check.not_empty("--checkpoints", options.checkpoints);
  if (!options.source.empty()) check.name("--source", options.source);
  if (!options.run.empty()) check.name("--run", options.run);
  return check.complaint();
}

// Flags that take something away.
struct Without {
  bool publish = false;
  bool commands = false;
};

void declare(CLI::App& app, Options& options, Without& no) {
  app.add_option("--agents", options.agents, "agents to train, each with a policy of its own")
      ->capture_default_str();
  app.add_option("--steps", options.steps, "environment steps that each agent trains")
      ->capture_default_str();
  app.add_option("--seed", options.seed, "same seed, same result")->capture_default_str();
  app.add_option("--source", options.source,
                 "name that the events carry; default made up of host and program");
  app.add_option("--run", options.run, "name of this start of the source; default made up");
  app.add_option("--run-name", options.run_name, "what people call this run; default made up");
  app.add_option("--events", options.events, "ZeroMQ address where the bridge takes events in")
      ->capture_default_str();
  app.add_option("--control", options.control,
                 "ZeroMQ address where the bridge sends commands from; '' = take none")
      ->capture_default_str();
  app.add_option("--curve", options.curve,
                 "file with the key by which the bridge knows this trainer, where it wants one; default\n"
                 "$PPO_CURVE_FILE");
  app.add_flag("--no-commands", no.commands, "take no commands");
  app.add_option("--checkpoints", options.checkpoints,
                 "directory that commands save checkpoints to and load them from")
      ->capture_default_str();
  app.add_option("--lr", options.learning_rate, "learning rate at the start; it falls linearly")
      ->capture_default_str();
  app.add_option("--gamma", options.gamma, "discount of a reward one step later")
      ->capture_default_str();
  app.add_option("--pace", options.pace,
                 "most environment steps a second and agent; 0 = as fast as it goes")
      ->capture_default_str();
  app.add_option("--detail-rate", options.detail_rate,
                 "most events a second that only describe (decisions, prices, margins, analyses, "
                 "refusals); 0 = all")
      ->capture_default_str();
  app.add_option("--eval-episodes", options.eval_episodes, "held-out markets to be judged on")
      ->capture_default_str();
  app.add_flag("--no-publish", no.publish, "publish no events, and take no commands");
  app.add_flag("--quiet", options.quiet, "no progress on stderr");
}

}  // namespace

ParsedOptions parse_options(int argc, const char* const* argv, std::ostream& out,
                            std::ostream& err) {
  ParsedOptions parsed;
  Options options;
  Without no;
  CLI::App app(
      "Trains PPO agents to flip items on a simulated Grand Exchange and publishes what happens.\n"
      "The last line on stdout is 'result trained=X random=Y hold=Z': the mean profit in gp an\n"
      "episode on the same held-out markets of the trained policies, of random actions, and of\n"
      "buying at the start and holding to the end. SIGINT or SIGTERM stops early, without a "
      "result\n"
      "and with exit code 0.",
      "ppo-trainer");
  app.set_version_flag("--version", std::string("ppo-trainer ") + PPO_VERSION);
  declare(app, options, no);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    app.exit(success, out, err);
    return parsed;
  } catch (const CLI::ParseError& error) {
    err << "ppo-trainer: " << error.what() << "; see --help\n";
    parsed.exit_code = kExitBadUsage;
    return parsed;
  }
  options.publish = !no.publish;
  if (no.commands) options.control.clear();
  const std::string complaint = complaint_about(options);
  if (!complaint.empty()) {
    err << "ppo-trainer: " << complaint << "\n";
    parsed.exit_code = kExitBadUsage;
    return parsed;
  }
  parsed.options = std::move(options);
  return parsed;
}

}  // namespace trainer
