// Who asks for what comes behind an event that this bridge has yet to get from its cluster (PROTOCOL section 12).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>
#include <vector>

namespace bridge {

inline constexpr std::int64_t kAheadWaitUs = 5'000'000;
inline constexpr std::size_t kAheadWaitsMax = 1024;
inline constexpr std::size_t kAheadWaitsOfOneMax = 16;
inline constexpr std::size_t kAheadWaitBytesMax = 4 << 20;

// Pure logic: no thread, no clock. One thread: the log's.
class AheadWaits {
 public:
  // `there`: the log has come so far; else kAheadWaitUs are over.
  using Done = std::function<void(bool there)>;

  // Calls `done` once, from tick(), unless forget() comes first; what it captures must bear a late call. The wait's number,
  // or 0 where too many wait, of all or of `asker`. `bytes`: what is kept for it.
  std::uint64_t add(const void* asker, std::uint64_t seq, std::size_t bytes, std::int64_t now_us, Done done) {
    std::size_t of_one = 0;
    for (const auto& [number, wait] : waits_) of_one += wait.asker == asker ? 1 : 0;
    if (waits_.size() >= kAheadWaitsMax || of_one >= kAheadWaitsOfOneMax || bytes_ + bytes > kAheadWaitBytesMax) return 0;
    bytes_ += bytes;
    waits_.emplace(++last_number_, Wait{asker, seq, bytes, now_us + kAheadWaitUs, std::move(done)});
    return last_number_;
  }

  void forget(std::uint64_t number) {
    const auto found = waits_.find(number);
    if (found == waits_.end()) return;
    bytes_ -= found->second.bytes;
    waits_.erase(found);
  }

  // Call every few milliseconds. `last_seq`: the newest event of the log.
  void tick(std::uint64_t last_seq, std::int64_t now_us) {
    std::vector<std::pair<Done, bool>> over;  // who is told may add and forget
    for (auto wait = waits_.begin(); wait != waits_.end();) {
      const bool there = wait->second.seq <= last_seq;
      if (!there && now_us < wait->second.until_us) {
        ++wait;
        continue;
      }
      bytes_ -= wait->second.bytes;
      over.emplace_back(std::move(wait->second.done), there);
      wait = waits_.erase(wait);
    }
    for (const auto& [done, there] : over) done(there);
  }

  std::size_t size() const { return waits_.size(); }

 private:
  struct Wait {
    const void* asker = nullptr;
    std::uint64_t seq = 0;
    std::size_t bytes = 0;
    std::int64_t until_us = 0;
    Done done;
  };

  std::map<std::uint64_t, Wait> waits_;  // by number: the oldest first
  std::uint64_t last_number_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace bridge
