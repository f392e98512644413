// What the process is told by signals.
#pragma once

#include <csignal>
#include <functional>
#include <utility>

#include <asio/io_context.hpp>
#include <asio/signal_set.hpp>

namespace bridge {

// On the loop's thread.
struct SignalActions {
  std::function<void()> reload;                   // SIGHUP
  std::function<void()> drain;                    // SIGUSR1
  std::function<void()> hand_over;                // SIGUSR2
  std::function<void(const char* signal)> stop;   // SIGINT, SIGTERM; each time
};

// From its making on none of them ends the process.
class Signals {
 public:
  Signals(asio::io_context& io, SignalActions actions)
      : signals_(io, SIGINT, SIGTERM, SIGHUP), actions_(std::move(actions)) {
    signals_.add(SIGUSR1);
    signals_.add(SIGUSR2);
  }

  // Those that came before are told, too.
  void watch() {
    signals_.async_wait([this](const asio::error_code& ec, int number) {
      if (ec) return;
      switch (number) {
        case SIGHUP: actions_.reload(); break;
        case SIGUSR1: actions_.drain(); break;
        case SIGUSR2: actions_.hand_over(); break;
        default: actions_.stop(number == SIGINT ? "SIGINT" : "SIGTERM");
      }
      watch();
    });
  }

  // They do again what they do by themselves.
  void clear() {
    asio::error_code ec;
    signals_.clear(ec);
  }

 private:
  asio::signal_set signals_;
  const SignalActions actions_;
};

}  // namespace bridge
