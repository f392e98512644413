// What the kernel knows about a process: memory, CPU time, limits.
#include <sys/resource.h>
#include <time.h>

#include <fstream>
#include <sstream>
#include <string>

#include "process.h"

namespace testing_support {
namespace {

// The bytes of the line `key:   123 kB` of a /proc file; 0 if there is none.
std::uint64_t kilobytes_line(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, key.size(), key) != 0) continue;
    std::istringstream rest(line.substr(key.size()));
    std::uint64_t kilobytes = 0;
    rest >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

}  // namespace

std::uint64_t resident_bytes(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  const std::uint64_t exact = kilobytes_line(directory + "/smaps_rollup", "Rss:");
  return exact != 0 ? exact : kilobytes_line(directory + "/status", "VmRSS:");
}

double cpu_seconds(pid_t pid) {
  // The process's own CPU clock: nanoseconds, where /proc/PID/stat has hundredths of a second.
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0.0;
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::uint64_t raise_open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace testing_support
