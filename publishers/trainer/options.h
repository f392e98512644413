// The command line of ppo-trainer.
#pragma once

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include <ppo_publisher/publisher.h>

namespace trainer {

struct Options {
  std::int64_t agents = 2;      // 1..256
  std::int64_t steps = 50'000;  // environment steps that each agent trains, 1..1e12
  std::int64_t seed = 1;        // 0..2^63-1; all else equal, the same seed gives the same result
  std::string source;           // who publishes; 1-64 of A-Z a-z 0-9 _ . : -; empty: made up
  std::string run;              // which start of it; empty: made up
  std::string run_name;         // for people; empty: made up
  std::string events = ppo::events_address();    // where the bridge takes events in
  std::string control = ppo::control_address();  // where it sends commands from; empty: none
  std::string curve = ppo::curve_file();         // the file with the key for both; empty: none
  std::string checkpoints = "./checkpoints";     // where checkpoints are kept
  double learning_rate = 3e-3;                   // above 0, at most 1
  double gamma = 0.99;                           // 0..1
  double pace = 0.0;           // most environment steps a second and agent; 0 = as fast as it goes
  double detail_rate = 500.0;  // most events a second that only describe; 0 = all (telemetry.h)
  std::int64_t eval_episodes = 64;  // held-out markets, 1..100000
  bool publish = true;
  bool quiet = false;  // no progress on stderr
};

constexpr int kExitBadUsage = 2;

// What the command line says: options to run with, or else the code to exit with.
struct [[nodiscard]] ParsedOptions {
  std::optional<Options> options;
  int exit_code = 0;
};

// Reads the command line. --help and --version are written to `out` (then exit with 0), errors to
// `err` in one line that names the option, its value and its range (then exit with kExitBadUsage).
ParsedOptions parse_options(int argc, const char* const* argv, std::ostream& out,
                            std::ostream& err);

}  // namespace trainer
