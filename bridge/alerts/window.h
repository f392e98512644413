// Numbers of the last so many seconds, added up: in slices, so that memory is bounded however many there are.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bridge {

// Exact to a slice, a sixtieth of the time.
class Window {
 public:
  struct Totals {
    std::uint64_t n = 0;
    double sum = 0, min = 0, max = 0, last = 0;

    void add(const Totals& newer) {
      if (newer.n == 0) return;
      min = n == 0 ? newer.min : std::min(min, newer.min);
      max = n == 0 ? newer.max : std::max(max, newer.max);
      n += newer.n;
      sum += newer.sum;
      last = newer.last;
    }
  };

  // Times never go back.
  void add(double x, std::int64_t now_us, std::int64_t window_us) {
    pass(now_us, window_us);
    const std::int64_t which = now_us / (window_us / kSlices);
    if (slices_.empty() || slices_.back().which != which) {
      if (!slices_.empty()) older_.add(slices_.back().totals);
      slices_.push_back({which, {}});
    }
    slices_.back().totals.add({1, x, x, x, x});
  }

  // Lets go of what is too old.
  void pass(std::int64_t now_us, std::int64_t window_us) {
    const std::int64_t oldest = now_us / (window_us / kSlices) - kSlices + 1;
    if (slices_.empty() || slices_.front().which >= oldest) return;
    slices_.erase(slices_.begin(), std::find_if(slices_.begin(), slices_.end(), [oldest](const Slice& slice) {
                    return slice.which >= oldest;
                  }));
    older_ = {};
    for (std::size_t i = 0; i + 1 < slices_.size(); ++i) older_.add(slices_[i].totals);
  }

  Totals totals() const {
    Totals all = older_;
    if (!slices_.empty()) all.add(slices_.back().totals);
    return all;
  }

  // At most, so that it can be counted once.
  static constexpr std::size_t kBytes = 64 * 48 + 96;

 private:
  static constexpr std::int64_t kSlices = 60;
  struct Slice {
    std::int64_t which;
    Totals totals;
  };
  std::vector<Slice> slices_;  // oldest first; times of nothing have none
  Totals older_;               // of all but the newest
};

}  // namespace bridge
