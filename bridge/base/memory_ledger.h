// What peers can make grow, in bytes: a line for each queue, with its share of limits.memory_bytes_max.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace bridge {

// One queue's line. Any thread: what several threads take together may pass the bound by one piece each.
class MemoryShare {
 public:
  // False, and counted as refused, where there is no room for so many bytes more.
  [[nodiscard]] bool try_take(std::size_t bytes) {
    if (!has_room_for(bytes)) return refuse();
    take(bytes);
    return true;
  }
  bool has_room_for(std::size_t bytes) const { return bytes_ + bytes <= bytes_max_; }
  void take(std::size_t bytes) { bytes_ += bytes; }
  void give_back(std::size_t bytes) { bytes_ -= bytes; }
  void set_bound(std::size_t bytes_max) { bytes_max_ = bytes_max; }
  // Counts that somebody was told no; always false.
  bool refuse() { return ++refused_, false; }

  std::size_t bytes() const { return bytes_; }
  std::size_t bytes_max() const { return bytes_max_; }
  std::uint64_t refused() const { return refused_; }

 private:
  std::atomic<std::size_t> bytes_{0};
  std::atomic<std::size_t> bytes_max_{SIZE_MAX};
  std::atomic<std::uint64_t> refused_{0};
};

// Some bytes of a share, given back at its end. One thread.
class MemoryHold {
 public:
  MemoryHold() = default;
  explicit MemoryHold(MemoryShare& share) : share_(&share) {}
  // REQUIRES: it holds nothing yet.
  void of(MemoryShare& share) { share_ = &share; }
  ~MemoryHold() { release(); }
  MemoryHold(MemoryHold&& other) noexcept
      : share_(other.share_), bytes_(std::exchange(other.bytes_, 0)) {}
  MemoryHold& operator=(MemoryHold&&) = delete;

  // As MemoryShare::try_take(). Holds nothing of a share before it was given one.
  [[nodiscard]] bool try_take(std::size_t bytes) {
    if (share_ != nullptr && !share_->try_take(bytes)) return false;
    bytes_ += bytes;
    return true;
  }
  // For a queue with a bound of its own, which says from time to time what it has.
  void set(std::size_t bytes) {
    const std::size_t before = std::exchange(bytes_, bytes);
    if (share_ == nullptr) return;
    bytes > before ? share_->take(bytes - before) : share_->give_back(before - bytes);
  }
  void release() { set(0); }
  std::size_t bytes() const { return bytes_; }

 private:
  MemoryShare* share_ = nullptr;
  std::size_t bytes_ = 0;
};

// What takes so many bytes, of which the share knows until the last who holds it lets go.
template <typename T>
std::shared_ptr<const T> counted(std::shared_ptr<const T> what, std::size_t bytes,
                                 MemoryShare& share) {
  struct Counted {
    Counted(std::shared_ptr<const T> w, MemoryShare& s) : what(std::move(w)), hold(s) {}
    const std::shared_ptr<const T> what;
    MemoryHold hold;
  };
  auto made = std::make_shared<Counted>(std::move(what), share);
  made->hold.set(bytes + sizeof *made);
  return {made, made->what.get()};
}
inline std::shared_ptr<const std::string> counted(std::shared_ptr<const std::string> bytes,
                                                  MemoryShare& share) {
  const std::size_t size = bytes->capacity();
  return counted<std::string>(std::move(bytes), size, share);
}

// Of this process: resident, and what the allocator has given out (0 where it does not tell).
std::size_t resident_bytes();
std::size_t allocated_bytes();

// One line each in get_status, /metrics and ARCHITECTURE, where it stands what happens at its bound.
enum class Queue : std::size_t {
  history,
  held_events,
  journal_queue,
  thread_backlog,
  bot_backlog,
  events_in,
  past,
  snapshot,
  clients,
  sources,
  cohorts,
  unread,
  subscriptions,
  requests,
  commands,
  http,
  bot_events,
  bot_topics,
  bot_replies,
  runs,
  alerts,
  zeromq,
};

// All lines. Made at the start and shared by all threads.
class MemoryLedger {
 public:
  static constexpr std::array<const char*, 22> kNames = {
      "history", "held_events", "journal_queue", "thread_backlog", "bot_backlog", "events_in", "past", "snapshot",
      "clients", "sources",     "cohorts",       "unread",         "subscriptions",
      "requests", "commands",   "http",          "bot_events",     "bot_topics",
      "bot_replies", "runs",    "alerts",         "zeromq"};

  MemoryShare& operator[](Queue queue) { return shares_[static_cast<std::size_t>(queue)]; }
  const MemoryShare& operator[](Queue queue) const {
    return shares_[static_cast<std::size_t>(queue)];
  }
  const std::array<MemoryShare, kNames.size()>& shares() const { return shares_; }
  std::array<MemoryShare, kNames.size()>& shares() { return shares_; }
  // Of all queues but `zeromq`, which is what the others do not account for.
  std::size_t accounted() const {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i + 1 < shares_.size(); ++i) bytes += shares_[i].bytes();
    return bytes;
  }
  std::size_t bytes_max() const { return bytes_max_; }
  void set_bytes_max(std::size_t bytes) { bytes_max_ = bytes; }

 private:
  std::array<MemoryShare, kNames.size()> shares_;
  std::size_t bytes_max_ = SIZE_MAX;
};

}  // namespace bridge
