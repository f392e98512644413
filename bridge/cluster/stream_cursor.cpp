#include "cluster/stream_cursor.h"

#include <algorithm>

namespace bridge {
namespace {

constexpr std::size_t kAsksMax = 64;               // under way at a time
constexpr std::size_t kAheadBytesMax = 64 << 20;   // what comes further ahead is asked for later
constexpr std::uint64_t kFarBehind = 10'000;       // then all is asked for at once
constexpr std::int64_t kTailGraceUs = 100'000;     // what is known to be there may be on its way
constexpr std::int64_t kAskAgainUs = 500'000;      // an answer that does not come
constexpr std::int64_t kMissingAgainUs = 20'000;   // whoever was asked lags
constexpr std::int64_t kCatchUpPatienceUs = 2'000'000;

}  // namespace

void StreamCursor::on_message(std::uint64_t seq, std::string_view bytes, std::int64_t now_us) {
  asked_.erase(seq);
  on_reached(seq, now_us);
  if (!wanted(seq)) return;
  if (seq == next_) moved_us_ = now_us;
  // The next one always has room, or it would never go on.
  while (seq != next_ && ahead_bytes_ + bytes.size() > kAheadBytesMax) {
    if (ahead_.empty() || ahead_.rbegin()->first < seq) return;
    const auto farthest = std::prev(ahead_.end());
    ahead_bytes_ -= farthest->second.size();
    ahead_.erase(farthest);
  }
  ahead_bytes_ += bytes.size();
  ahead_.emplace(seq, bytes);
}

void StreamCursor::on_missing(std::uint64_t seq, std::int64_t now_us) {
  const auto ask = asked_.find(seq);
  if (ask != asked_.end()) ask->second.again_us = now_us + kMissingAgainUs;
}

void StreamCursor::on_reached(std::uint64_t seq, std::int64_t now_us) {
  if (seq <= reached_) return;
  if (reached_ < next_) behind_since_us_ = now_us;
  reached_ = seq;
}

bool StreamCursor::take(std::uint64_t* seq, std::string* bytes) {
  const auto first = ahead_.begin();
  if (first == ahead_.end() || first->first != next_) return false;
  *seq = next_++;
  *bytes = std::move(first->second);
  ahead_bytes_ -= bytes->size();
  ahead_.erase(first);
  asked_.erase(asked_.begin(), asked_.lower_bound(next_));
  return true;
}

StreamCursor::Wishes StreamCursor::tick(std::int64_t now_us) {
  Wishes wishes;
  if (behind() == 0) {
    caught_up_us_ = -1;
    return wishes;
  }
  if (behind() > kFarBehind) {
    if (caught_up_us_ >= 0 && now_us < std::max(caught_up_us_, moved_us_) + kCatchUpPatienceUs) return wishes;
    caught_up_us_ = now_us;
    wishes.catch_up_from = next_;
    return wishes;
  }
  // While all comes by itself nothing is asked for, unless it stops coming.
  if (caught_up_us_ >= 0 && now_us < std::max(caught_up_us_, moved_us_) + kTailGraceUs) return wishes;
  // Behind a hole something has come; at the tail nothing has, and it may be on its way.
  const std::uint64_t hole_end = ahead_.empty() ? next_ : ahead_.rbegin()->first;
  const bool tail_due = now_us >= std::max(behind_since_us_, moved_us_) + kTailGraceUs;
  const std::uint64_t end = tail_due ? reached_ + 1 : hole_end;
  std::size_t under_way = 0;
  for (const auto& [seq, ask] : asked_) under_way += ask.again_us > now_us ? 1 : 0;
  for (std::uint64_t seq = next_; seq < end && under_way < kAsksMax; ++seq) {
    if (!wanted(seq)) continue;
    Ask& ask = asked_[seq];
    if (ask.again_us > now_us) continue;
    ask.again_us = now_us + kAskAgainUs;
    wishes.fetch.push_back(seq);
    ++under_way;
  }
  return wishes;
}

}  // namespace bridge
