#include "bridge_clock.h"

#include <algorithm>
#include <cmath>

namespace ppo {
namespace {

constexpr std::size_t kQuestionsMax = 8;
constexpr std::size_t kSamplesMax = 8;
constexpr std::int64_t kStampErrorUs = 2;         // from decimals to a double and back
constexpr double kAgeSecondsMax = 1'000'000'000;  // 30 years; beyond it a time_point may overflow

double seconds(BridgeClock::Clock::time_point at) {
  return std::chrono::duration<double>(at.time_since_epoch()).count();
}

}  // namespace

void BridgeClock::asked(std::int64_t stamp_us, Clock::time_point now) {
  if (questions_.size() >= kQuestionsMax) questions_.pop_front();
  questions_.push_back({stamp_us, seconds(now)});
}

void BridgeClock::answered(double stamp_s, double bridge_s, Clock::time_point now) {
  const auto question =
      std::find_if(questions_.begin(), questions_.end(), [stamp_s](const Question& asked) {
        return std::abs(stamp_s * 1e6 - static_cast<double>(asked.stamp_us)) <= kStampErrorUs;
      });
  if (question == questions_.end()) return;
  const double sent_s = question->at_s;
  questions_.erase(questions_.begin(), question + 1);
  const double received_s = seconds(now);
  const Sample sample{bridge_s - (sent_s + received_s) / 2, received_s - sent_s};
  if (!samples_.empty()) {
    const double apart_s = std::abs(sample.offset_s - best().offset_s);
    // Both cannot be true of one clock: the bridge's was set.
    if (apart_s > (sample.round_trip_s + best().round_trip_s) / 2) samples_.clear();
  }
  if (samples_.size() >= kSamplesMax) samples_.pop_front();
  samples_.push_back(sample);
}

std::optional<BridgeClock::Clock::time_point> BridgeClock::surely_past(double bridge_s) const {
  if (samples_.empty()) return std::nullopt;
  const double at_s = bridge_s - best().offset_s + best().round_trip_s / 2;
  const std::chrono::duration<double> since(std::clamp(at_s, -kAgeSecondsMax, kAgeSecondsMax));
  return Clock::time_point(std::chrono::duration_cast<Clock::duration>(since));
}

void BridgeClock::forget() {
  questions_.clear();
  samples_.clear();
}

const BridgeClock::Sample& BridgeClock::best() const {
  return *std::min_element(samples_.begin(), samples_.end(), [](const Sample& a, const Sample& b) {
    return a.round_trip_s < b.round_trip_s;
  });
}

}  // namespace ppo
