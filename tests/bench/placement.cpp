#include "placement.h"

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

namespace bench {

std::vector<pid_t> threads_of(pid_t process) {
  std::vector<pid_t> threads;
  std::error_code gone;
  const auto directory = "/proc/" + std::to_string(process) + "/task";
  for (const auto& entry : std::filesystem::directory_iterator(directory, gone)) {
    threads.push_back(static_cast<pid_t>(std::stol(entry.path().filename().string())));
  }
  return threads;
}

Placement::Placement(std::vector<pid_t> threads) : threads_(std::move(threads)) {
  if (::sched_getaffinity(0, sizeof any_, &any_) != 0) {
    throw std::system_error(errno, std::generic_category(), "sched_getaffinity");
  }
  std::size_t last = 0;
  for (std::size_t core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &any_)) last = core;
  }
  CPU_ZERO(&one_);
  CPU_SET(last, &one_);
}

void Placement::use(const cpu_set_t& cores) {
  // One that has ended meanwhile needs no core.
  for (const pid_t thread : threads_) (void)::sched_setaffinity(thread, sizeof cores, &cores);
}

}  // namespace bench
