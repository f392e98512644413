#include "base/clock.h"

#include <chrono>

namespace bridge {
namespace {

template <class C>
std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(C::now().time_since_epoch())
      .count();
}

}  // namespace

std::int64_t SystemClock::wall_us() const { return now_us<std::chrono::system_clock>(); }
std::int64_t SystemClock::steady_us() const { return now_us<std::chrono::steady_clock>(); }

}  // namespace bridge
