// How many events may go out that only describe.
#pragma once

#include <algorithm>
#include <chrono>

namespace trainer {

// A token bucket filled by the wall clock. Belongs to one thread.
class DetailBudget {
 public:
  using Clock = std::chrono::steady_clock;

  // `rate`: events a second, at least 0; 0 = no limit. After a quiet while a second's worth may go
  // at once, and never less than kBurstMin.
  DetailBudget(double rate, Clock::time_point now)
      : rate_(rate), tokens_max_(std::max(rate, kBurstMin)), tokens_(tokens_max_), filled_(now) {}

  // Takes one event's share; false where there is none left. REQUIRES: now never goes back.
  [[nodiscard]] bool try_take(Clock::time_point now) {
    if (rate_ <= 0.0) return true;
    const double seconds = std::chrono::duration<double>(now - filled_).count();
    filled_ = now;
    tokens_ = std::min(tokens_ + seconds * rate_, tokens_max_);
    if (tokens_ < 1.0) return false;
    tokens_ -= 1.0;
    return true;
  }

 private:
  static constexpr double kBurstMin = 64.0;

  double rate_;
  double tokens_max_;
  double tokens_;
  Clock::time_point filled_;
};

}  // namespace trainer
