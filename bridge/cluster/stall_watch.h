// How long the shared log stood still while something waited to get into it.
#pragma once

#include <algorithm>
#include <cstdint>

namespace bridge {

inline constexpr std::int64_t kStallUs = 1'000'000;

// Pure logic, no clock. One thread.
class StallWatch {
 public:
  // `waiting`: something is proposed, or about to be, and not in the log. `at`: how far the log was folded.
  void tick(bool waiting, std::uint64_t at, std::int64_t now_us) {
    if (!waiting || at != at_) {
      since_us_ = waiting ? now_us : -1;
      counted_ = false;
    } else if (since_us_ < 0) {
      since_us_ = now_us;
    }
    at_ = at;
    now_us_ = now_us;
    if (stalled_us() == 0) return;
    longest_us_ = std::max(longest_us_, stalled_us());
    if (!counted_) ++count_;
    counted_ = true;
  }

  std::uint64_t count() const { return count_; }
  std::int64_t longest_us() const { return longest_us_; }
  // 0: it goes on.
  std::int64_t stalled_us() const { return since_us_ >= 0 && now_us_ - since_us_ > kStallUs ? now_us_ - since_us_ : 0; }

 private:
  std::uint64_t at_ = 0;
  std::int64_t since_us_ = -1;  // since when it has waited and nothing came
  std::int64_t now_us_ = 0;
  std::int64_t longest_us_ = 0;
  std::uint64_t count_ = 0;
  bool counted_ = false;
};

}  // namespace bridge
