// When a wait is over.
#pragma once

#include <algorithm>
#include <chrono>

namespace ppo {

// Any timeout will do: a hundred years are as good as for ever, and a clock can count them.
inline std::chrono::steady_clock::time_point after(std::chrono::milliseconds timeout) {
  constexpr std::chrono::milliseconds kMax = std::chrono::hours(24 * 36'500);
  return std::chrono::steady_clock::now() + std::clamp(timeout, -kMax, kMax);
}

}  // namespace ppo
