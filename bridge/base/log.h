// Logging: one logger for the process, to stderr and, if asked, a rotating file.
//
// Event bodies, tokens and other outside text reach a log line only through printable().
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include <spdlog/spdlog.h>

#include "base/result.h"

namespace bridge {

struct LogOptions {
  std::string level = "info";            // trace, debug, info, warn, error, off
  std::string file;                      // "" = stderr only
  std::int64_t file_bytes_max = 10 << 20;  // a file that grows past this is rotated
  std::int64_t files_max = 5;            // rotated files that are kept
};

// Installs the process's logger. Call once, before threads start. Fails where the file cannot be
// opened; logging then stays on stderr.
Result<bool> init_log(const LogOptions& options);

// Lets a line through at most once an interval per key, and tells how many it held back.
// Bounded: past `keys_max` keys it forgets all and starts anew. One thread.
class LogLimiter {
 public:
  explicit LogLimiter(std::int64_t interval_us = 1'000'000, std::size_t keys_max = 4096)
      : interval_us_(interval_us), keys_max_(keys_max) {}

  // True where the caller should log now; `*held_back` is then the number of times since the last
  // line that it should not.
  bool allow(const std::string& key, std::int64_t steady_us, std::uint64_t* held_back);

 private:
  struct Entry {
    std::int64_t last_us;
    std::uint64_t held_back;
  };
  const std::int64_t interval_us_;
  const std::size_t keys_max_;
  std::unordered_map<std::string, Entry> entries_;
};

}  // namespace bridge
