// How far the bridge's clock is from ours: what a command's `by` means here.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

namespace ppo {

// Of each question and its answer it is known that the bridge read its clock in between, so their
// middle is wrong by half the round trip at most (F. Cristian, "Probabilistic clock
// synchronization", 1989; RFC 5905 section 8). Of the newest eight the one with the least round
// trip counts (RFC 5905 section 10). Measured against the steady clock, so that setting this
// machine's clock changes nothing. One thread.
class BridgeClock {
 public:
  using Clock = std::chrono::steady_clock;

  // A question left at `now`. `stamp_us` comes back with the answer.
  void asked(std::int64_t stamp_us, Clock::time_point now);

  // Its answer: the stamp and the bridge's time, in seconds. What was not asked is passed over.
  void answered(double stamp_s, double bridge_s, Clock::time_point now);

  // From when on the bridge's clock is surely beyond `bridge_s`; nothing while no answer has come.
  std::optional<Clock::time_point> surely_past(double bridge_s) const;

  // Another bridge may have another clock.
  void forget();

 private:
  struct Question {
    std::int64_t stamp_us = 0;
    double at_s = 0;  // by the steady clock, as are all times of this class but the bridge's
  };
  struct Sample {
    double offset_s = 0;  // the bridge's clock minus ours
    double round_trip_s = 0;
  };

  const Sample& best() const;

  std::deque<Question> questions_;  // the oldest first
  std::deque<Sample> samples_;      // likewise
};

}  // namespace ppo
