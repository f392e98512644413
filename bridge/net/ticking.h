// What is to be done again and again.
#pragma once

#include <chrono>
#include <functional>
#include <utility>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

namespace bridge {

// One thread: the loop's, as long as this lives.
class Ticking {
 public:
  Ticking(asio::io_context& io, std::chrono::milliseconds pause, std::function<void()> work)
      : timer_(io), pause_(pause), work_(std::move(work)) {}

  // Does it now, and on and on, so long after it was done last.
  void start() {
    work_();
    timer_.expires_after(pause_);
    timer_.async_wait([this](const asio::error_code& ec) {
      if (!ec) start();
    });
  }

 private:
  asio::steady_timer timer_;
  const std::chrono::milliseconds pause_;
  const std::function<void()> work_;
};

}  // namespace bridge
