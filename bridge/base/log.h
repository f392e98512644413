// Logging: one logger for the process, to stderr and, if asked, a rotating file. Who logs waits for
// neither: lines go into a bounded queue for each, which a thread of its own empties, and are dropped
// and counted where it is full.
//
// Event bodies, tokens and other outside text reach a log line only through printable().
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <spdlog/spdlog.h>

#include "base/result.h"

namespace bridge {

struct LogOptions {
  std::string level = "info";            // trace, debug, info, warn, error, off
  std::string file;                      // "" = stderr only
  std::int64_t file_bytes_max = 10 << 20;  // a file that grows past this is rotated
  std::int64_t files_max = 5;            // rotated files that are kept
};

// Installs the process's logger. Call once, before threads start, and end_log() before the program
// ends. Fails where the file cannot be opened; logging then stays on stderr.
Result<bool> init_log(const LogOptions& options);

// Gives what waits a second to be written. What is logged after it is dropped.
void end_log();

// Lines that were dropped so far. Any thread.
std::uint64_t log_lines_dropped();

// Lets lines of one kind through at most once an interval, and tells how many it held back. A kind is
// ours, never a name that somebody sends: who makes names up would have a line for each. One thread.
class LogLimiter {
 public:
  // True where the caller should log now.
  bool allow(std::int64_t steady_us);

  // How many lines were not allowed since this was asked; 0 within an interval of the last that was.
  std::uint64_t take_held_back(std::int64_t steady_us);

 private:
  static constexpr std::int64_t kIntervalUs = 1'000'000;
  std::optional<std::int64_t> last_us_;
  std::uint64_t held_back_ = 0;
};

}  // namespace bridge
