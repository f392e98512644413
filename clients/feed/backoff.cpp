#include "feed/backoff.h"

#include <algorithm>

namespace feed {

std::chrono::milliseconds Backoff::next() {
  std::uniform_int_distribution<std::chrono::milliseconds::rep> wait(0, ceiling_.count());
  const std::chrono::milliseconds chosen(wait(random_));
  ceiling_ = std::min(range_.max, ceiling_ * 2);
  return chosen;
}

}  // namespace feed
