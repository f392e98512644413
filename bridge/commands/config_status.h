// What became of the configuration since the start, for get_status and /metrics.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bridge {

// One thread: the log's.
struct ConfigStatus {
  std::string file;                  // "" = none
  std::int64_t reloaded_us = 0;      // wall clock, of the last reload that was taken up; 0: none yet
  std::string error;                 // why the last one was not, wholly or in part; "" where it was
  std::vector<std::string> waiting;  // keys whose values in the file wait for the next start
};

}  // namespace bridge
