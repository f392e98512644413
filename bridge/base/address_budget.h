// What each address may do so often: begin connections, say wrong tokens.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>

namespace bridge {

// One an interval, and a burst of them at once. Whoever goes on regardless has that rate, and is told of the others a few
// times, and then once a second.
//
// Of addresses it knows at most kAddressesMax. Where there are more, those are forgotten that have done nothing for
// longest: whoever has that many has no bound by address anyway, and who was refused lately is refused still. Any thread.
class AddressBudget {
 public:
  static constexpr std::size_t kAddressesMax = 16'384;

  enum class Answer { granted, over, far_over };

  // `told_max`: how many are `over`, at once.
  AddressBudget(std::int64_t interval_us, std::int64_t burst, std::int64_t told_max = 0)
      : told_us_(told_max * kToldEveryUs) {
    set(interval_us, burst);
  }
  void set(std::int64_t interval_us, std::int64_t burst) {
    const std::lock_guard<std::mutex> lock(mutex_);
    interval_us_ = std::max<std::int64_t>(1, interval_us);
    burst_us_ = burst * interval_us_;
  }

  // `peer`: as peer_of() gives it.
  Answer take(const std::string& peer, std::int64_t now_us) {
    const std::lock_guard<std::mutex> lock(mutex_);
    Address& address = at(peer);
    if (pay(address.paid_until_us, interval_us_, burst_us_, now_us)) return Answer::granted;
    return pay(address.told_until_us, kToldEveryUs, told_us_, now_us) ? Answer::over : Answer::far_over;
  }

  // Until one more would be granted; 0: it would be.
  std::int64_t wait_us(const std::string& peer, std::int64_t now_us) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::max<std::int64_t>(0, std::max(at(peer).paid_until_us, now_us) + interval_us_ - now_us - burst_us_);
  }

  // Whether all that it had is paid for: it has asked for nothing lately.
  bool is_quiet(const std::string& peer, std::int64_t now_us) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return at(peer).paid_until_us <= now_us;
  }

  // Addresses that were forgotten for want of room.
  std::uint64_t forgotten() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return forgotten_;
  }

 private:
  static constexpr std::int64_t kToldEveryUs = 1'000'000;

  struct Address {
    std::int64_t paid_until_us = 0, told_until_us = 0;  // what it had is worth so much time
  };

  static bool pay(std::int64_t& until_us, std::int64_t interval_us, std::int64_t burst_us, std::int64_t now_us) {
    const std::int64_t next = std::max(until_us, now_us) + interval_us;
    if (next - now_us > burst_us) return false;
    until_us = next;
    return true;
  }

  // In two halves: what is asked for moves into the newer one, and when that is full the older one goes.
  Address& at(const std::string& peer) {
    if (const auto known = newer_.find(peer); known != newer_.end()) return known->second;
    Address address;
    if (const auto known = older_.find(peer); known != older_.end()) {
      address = known->second;
      older_.erase(known);
    }
    if (newer_.size() >= kAddressesMax / 2) {
      forgotten_ += older_.size();
      older_ = std::exchange(newer_, {});
    }
    return newer_[peer] = address;
  }

  const std::int64_t told_us_;
  mutable std::mutex mutex_;
  // Guarded.
  std::int64_t interval_us_ = 1, burst_us_ = 0;
  std::unordered_map<std::string, Address> newer_, older_;
  std::uint64_t forgotten_ = 0;
};

}  // namespace bridge
