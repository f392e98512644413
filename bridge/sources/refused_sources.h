// Which sources somebody has spoken for who may not, so that each is told of at most once a minute.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace bridge {

// One thread. Remembers a bounded number: where that many were told of within a minute, no more are.
class RefusedSources {
 public:
  static constexpr std::size_t kSourcesMax = 256;
  static constexpr std::int64_t kIntervalUs = 60'000'000;

  // True where it is to be told now. An event without a source has no name to be stolen.
  bool tell(std::string_view source, std::int64_t steady_us) {
    const auto known = told_us_.find(source);
    if (source.empty() || (known != told_us_.end() && steady_us - known->second < kIntervalUs)) return false;
    if (known == told_us_.end() && told_us_.size() >= kSourcesMax) {
      if (steady_us < full_until_us_) return false;
      full_until_us_ = INT64_MAX;
      for (auto it = told_us_.begin(); it != told_us_.end();) {
        const std::int64_t over_us = it->second + kIntervalUs;
        if (over_us > steady_us) full_until_us_ = full_until_us_ < over_us ? full_until_us_ : over_us;
        it = over_us <= steady_us ? told_us_.erase(it) : ++it;
      }
      if (told_us_.size() >= kSourcesMax) return false;
    }
    told_us_.insert_or_assign(std::string(source), steady_us);
    return true;
  }

 private:
  std::map<std::string, std::int64_t, std::less<>> told_us_;
  std::int64_t full_until_us_ = 0;
};

}  // namespace bridge
