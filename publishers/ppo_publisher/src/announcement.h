// What a source with a control channel says of itself: the `_source` of the wire contract, on the
// events socket and, as its hello, over the control connection.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ppo_publisher/commands.h>

#include "outbox.h"

namespace ppo {

// Thread-safe. Says nothing until begin().
class Announcement {
 public:
  // REQUIRES: both are names.
  Announcement(std::string_view source, std::string_view run);

  void begin() noexcept;
  bool begun() const noexcept { return begun_.load(std::memory_order_acquire); }

  // False, and nothing changed, where an id is not a name, or the state not one of "running",
  // "paused" and "stopped".
  [[nodiscard]] bool set_agents(const std::vector<std::string>& agent_ids);
  [[nodiscard]] bool set_state(std::string_view state);
  [[nodiscard]] bool set_parameters(const std::vector<Parameter>& parameters);
  void set_commands(std::vector<std::string> names);

  // Another number after each change.
  std::uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }

  // What of the bridge's clock was heard last, and ours then: microseconds since 1970.
  struct ClockHeard {
    std::int64_t at_us = 0;
    std::int64_t clock_us = 0;
  };

  // The body, on one line. It has no source_seq of its own. `clock_us`: our time since 1970, where
  // the bridge is asked for its own; with it the bridge can tell from `heard` how far ours is ahead.
  std::string body(Numbering numbering, std::optional<std::int64_t> clock_us = {},
                   std::optional<ClockHeard> heard = {}) const;

 private:
  void changed() noexcept { version_.fetch_add(1, std::memory_order_release); }

  const std::string start_;  // {"type":"_source", ... ,"data":{
  const std::string end_;    // ,"host": ... }}
  std::atomic<bool> begun_{false};
  std::atomic<std::uint64_t> version_{0};

  mutable std::mutex mutex_;  // guards all below
  std::vector<std::string> agents_;
  std::vector<std::string> commands_;
  std::string parameters_;  // a list's text; empty: none were declared
  std::string state_ = "running";
};

// When it is to be said: at once to another connection and after each change, then once a second.
// One thread.
class AnnouncementSchedule {
 public:
  using Clock = std::chrono::steady_clock;

  bool due(Clock::time_point now, std::uint64_t version, std::uint64_t connection);
  void said(Clock::time_point now, bool sent);

  // As of the last due().
  Clock::time_point next() const { return next_; }

 private:
  Clock::time_point next_ = Clock::time_point::min();
  std::uint64_t version_ = 0;
  std::uint64_t connection_ = 0;
};

}  // namespace ppo
