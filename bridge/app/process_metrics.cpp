#include "app/process_metrics.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

#include "base/memory_ledger.h"

namespace bridge {
namespace {

constexpr int kDescriptorsAsked = 1024;  // in one call
constexpr int kDescriptorsLookedAt = 131'072;

// When the process began, in ticks since the machine did (proc(5): field 22 of stat); 0: not known.
double start_ticks() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  // The program's name is in parentheses, and may hold anything.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  double ticks = 0;
  fields >> ticks;
  return ticks;
}

// When the machine began, since 1970; 0: not known.
double boot_s() {
  std::ifstream file("/proc/stat");
  for (std::string word; file >> word;) {
    double seconds = 0;
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

// When the process began, since 1970; 0: not known. /proc/stat is long where there are many processors.
double start_s() {
  const double ticks = start_ticks();
  const double boot = boot_s();
  return ticks > 0 && boot > 0 ? boot + ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)) : 0;
}

// Listing /proc/self/fd takes 10 us an entry. From Linux 6.2 on its size is their number; before, poll() tells of each
// whether it is open.
double open_descriptors(rlim_t most) {
  struct stat folder {};
  if (::stat("/proc/self/fd", &folder) == 0 && folder.st_size > 0) return static_cast<double>(folder.st_size);
  const int end = static_cast<int>(std::min<rlim_t>(most, kDescriptorsLookedAt));
  std::array<pollfd, kDescriptorsAsked> asked{};
  double open = 0;
  for (int from = 0; from < end; from += kDescriptorsAsked) {
    const int count = std::min(kDescriptorsAsked, end - from);
    for (int i = 0; i < count; ++i) asked[static_cast<std::size_t>(i)] = {from + i, 0, 0};
    if (::poll(asked.data(), static_cast<nfds_t>(count), 0) < 0) return open;
    for (int i = 0; i < count; ++i) open += (asked[static_cast<std::size_t>(i)].revents & POLLNVAL) == 0;
  }
  return open;
}

double seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; }

}  // namespace

void add_process(MetricFamilies& families) {
  rusage used{};
  if (::getrusage(RUSAGE_SELF, &used) == 0) {
    families.counter("process_cpu_seconds_total", "Processor time of the process, in user and system mode.",
                     seconds(used.ru_utime) + seconds(used.ru_stime));
  }
  families.gauge("process_resident_memory_bytes", "Memory that is in RAM.", resident_bytes());
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) == 0) {
    families.gauge("process_open_fds", "Descriptors that are open.", open_descriptors(files.rlim_cur));
    families.gauge("process_max_fds", "Descriptors that may be.",
                   files.rlim_cur == RLIM_INFINITY ? std::numeric_limits<double>::infinity()
                                                   : static_cast<double>(files.rlim_cur));
  }
  static const double began_s = start_s();
  if (began_s > 0) families.gauge("process_start_time_seconds", "When the process began, since 1970.", began_s);
}

}  // namespace bridge
