// The numberings of a log, and how a time is found in them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bridge {

inline constexpr std::size_t kEpochsMax = 1000;  // older ones are forgotten

// A numbering, and its first event. Each goes on behind what the one before it surely holds.
struct EpochStart {
  std::string epoch;
  std::uint64_t first_seq = 1;
  // No event of the one before was lost: it ended in order, or its clock went back and the same log goes on.
  bool goes_on = false;
  std::int64_t started_us = 0;  // wall clock, where a journal knows it
};

struct StampedSeq {
  std::uint64_t seq = 0;
  std::int64_t timestamp_us = 0;
};

// In both, `at(seq)` gives the first event that is held at `seq` or after (std::optional<StampedSeq>).

// The first place in [low, high) whose event may be at `since_us` or later, else `high`. REQUIRES: no epoch
// begins behind `low`, so that stamps never decrease.
template <class At>
std::uint64_t first_seq_between(std::uint64_t low, std::uint64_t high, std::int64_t since_us,
                                const At& at) {
  const std::uint64_t end = high;
  while (low < high) {
    const std::uint64_t middle = low + (high - low) / 2;
    const std::optional<StampedSeq> event = at(middle);
    if (event && event->seq < end && event->timestamp_us < since_us) {
      low = event->seq + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

// The place in [first, end) behind which everything came at `since_us` or later, by the newest epoch that
// goes back so far: earlier ones may have been ahead of the time.
template <class At>
std::uint64_t first_seq_since(const std::vector<EpochStart>& epochs, std::uint64_t first,
                              std::uint64_t end, std::int64_t since_us, const At& at) {
  for (std::size_t i = epochs.size(); first < end; --i) {  // 0: what is before the first epoch, where it ends
    const std::uint64_t low = i == 0 ? first : std::max(first, epochs[i - 1].first_seq);
    if (low >= end) continue;
    const std::optional<StampedSeq> event = at(low);
    if (event && event->seq < end && event->timestamp_us < since_us) {
      return first_seq_between(low, end, since_us, at);
    }
    end = low;
  }
  return end;
}

}  // namespace bridge
