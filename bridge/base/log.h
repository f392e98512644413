// Logging: one logger for the process, to stderr and, if asked, a rotating file. Who logs waits for
// neither: lines go into a bounded queue for each, which a thread of its own empties, and are dropped
// and counted where it is full.
//
// A line has a name that stays the same whatever its words are: what watches a log looks for that. It is the literal that is
// given with it.
//
// Event bodies, tokens and other outside text reach a log line only through printable().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>

#include "base/result.h"

namespace bridge {

struct LogOptions {
  std::string level = "info";            // trace, debug, info, warn, error, off
  bool json = false;                     // a JSON object a line; else text
  std::string file;                      // "" = stderr only
  std::int64_t file_bytes_max = 10 << 20;  // a file that grows past this is rotated
  std::int64_t files_max = 5;            // rotated files that are kept
};

template <class... Args>
void log_line(spdlog::level::level_enum level, const char* event, spdlog::format_string_t<Args...> format, Args&&... args) {
  spdlog::default_logger_raw()->log(spdlog::source_loc{event, 1, event}, level, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_debug(const char* event, spdlog::format_string_t<Args...> format, Args&&... args) {
  log_line(spdlog::level::debug, event, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_info(const char* event, spdlog::format_string_t<Args...> format, Args&&... args) {
  log_line(spdlog::level::info, event, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_warn(const char* event, spdlog::format_string_t<Args...> format, Args&&... args) {
  log_line(spdlog::level::warn, event, format, std::forward<Args>(args)...);
}
template <class... Args>
void log_error(const char* event, spdlog::format_string_t<Args...> format, Args&&... args) {
  log_line(spdlog::level::err, event, format, std::forward<Args>(args)...);
}

// From now on. REQUIRES: it is one of LogOptions' levels.
void set_log_level(const std::string& level);

// Installs the process's logger. Call once, before threads start, and end_log() before the program
// ends. Where stderr is the service manager's journal (JOURNAL_STREAM), lines there begin with their priority and
// have no time, as sd-daemon(3) has it. Fails where the file cannot be opened; logging then stays on stderr.
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
