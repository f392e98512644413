// How many TLS handshakes may begin.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace bridge {

// So many a second, over all servers. Each takes a third of a millisecond of one thread: they begin one by one, spaced
// out, with no more in hand than come in 10 ms. Any thread.
class HandshakeRate {
 public:
  explicit HandshakeRate(std::int64_t per_second) : interval_ns_(1'000'000'000 / per_second) {}

  bool take(std::chrono::steady_clock::time_point now) {
    const std::int64_t at = std::chrono::nanoseconds(now.time_since_epoch()).count();
    std::int64_t next = next_.load();
    do {
      if (next > at + kAheadNs) return false;
    } while (!next_.compare_exchange_weak(next, std::max(next, at) + interval_ns_));
    return true;
  }

  void set(std::int64_t per_second) { interval_ns_ = 1'000'000'000 / per_second; }

  std::chrono::nanoseconds interval() const { return std::chrono::nanoseconds(interval_ns_.load()); }

 private:
  static constexpr std::int64_t kAheadNs = 10'000'000;
  std::atomic<std::int64_t> interval_ns_;
  std::atomic<std::int64_t> next_{0};
};

}  // namespace bridge
