#include "base/descriptors.h"

#include <sys/resource.h>

#include <algorithm>
#include <climits>

namespace bridge {
namespace {

std::size_t limit_now() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  return static_cast<std::size_t>(std::min<rlim_t>(limit.rlim_cur, INT_MAX));
}

}  // namespace

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  return limit_now();
}

bool is_one_of_the_last(int descriptor) {
  return descriptor >= 0 && static_cast<std::size_t>(descriptor) + kLastDescriptors >= limit_now();
}

std::size_t zmq_peers_that_fit() { return std::min<std::size_t>(1024, limit_now() / 4); }

}  // namespace bridge
