// Going down without haste: no client is taken any more, and those that are there are told to go, spread over a while, so
// that they do not all come to another bridge at once. Trainers, bots and pages are served until the end.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "net/client_servers.h"

namespace bridge {

// One thread: the log's. All that it is given outlives it.
class Drain {
 public:
  // `on_end` is called once, when the last client has gone or time is up.
  Drain(ClientServers& clients, const Clock& clock, std::function<void()> on_end)
      : clients_(clients), clock_(clock), on_end_(std::move(on_end)) {}

  // Begins it, or gives one that has begun another end. Returns how many clients there are. `why` is for the log.
  std::size_t begin(std::int64_t drain_s, const std::string& why);
  bool active() const { return by_us_ != 0; }
  // Call every few milliseconds.
  void tick();
  // For /readyz: how far it is; "" where there is none.
  std::string progress() const;

 private:
  ClientServers& clients_;
  const Clock& clock_;
  const std::function<void()> on_end_;
  std::int64_t by_us_ = 0;  // 0: it has not begun
  bool ended_ = false;
};

}  // namespace bridge
