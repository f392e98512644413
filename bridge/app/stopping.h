// Going down at once: what sources sent before still reaches the clients, who then get a 1001.
#pragma once

#include <cstdint>
#include <functional>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "base/clock.h"
#include "log/event_log.h"
#include "net/client_servers.h"
#include "store/journal.h"

namespace bridge {

// One thread: the loop's, which it ends. All that it is given outlives it.
class Stopping {
 public:
  Stopping(asio::io_context& io, EventLog& log, Journal* journal, ClientServers& clients, const Clock& clock)
      : io_(io), log_(log), journal_(journal), clients_(clients), clock_(clock), timer_(io) {}

  bool begun() const { return by_us_ != 0; }
  // `take_last` has what sources have sent taken in. Then the clients get all that is there, where it is written first, and
  // what else is to be kept (`kept`), half of the time at most, and the loop ends once they have gone or `drain_us` are
  // over. Later calls do nothing.
  void begin(const char* why, std::int64_t drain_us, const std::function<void()>& take_last, std::function<bool()> kept);

 private:
  void await_written();
  void await_gone();
  void again(void (Stopping::*step)());

  asio::io_context& io_;
  EventLog& log_;
  Journal* const journal_;  // null where it is off
  ClientServers& clients_;
  const Clock& clock_;
  asio::steady_timer timer_;
  std::function<bool()> kept_;
  std::int64_t by_us_ = 0;  // 0: it has not begun
  std::int64_t write_by_us_ = 0;
};

}  // namespace bridge
