#include "trainer/run/stop_signal.h"

#include <atomic>

namespace trainer {
namespace {

// A handler can reach nothing but globals.
std::atomic<bool> g_requested{false};
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_stop_signal(int) {
  g_requested = true;
}

}  // namespace

StopSignal::StopSignal() {
  g_requested = false;
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  // These fail only for signals that do not exist.
  ::sigaction(SIGINT, &action, &interrupt_);
  ::sigaction(SIGTERM, &action, &terminate_);
}

StopSignal::~StopSignal() {
  ::sigaction(SIGINT, &interrupt_, nullptr);
  ::sigaction(SIGTERM, &terminate_, nullptr);
}

bool StopSignal::requested() const {
  return g_requested;
}

}  // namespace trainer
