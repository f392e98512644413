#include "trainer/stop_signal.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstdint>
#include <system_error>

namespace trainer {
namespace {

// A handler can reach nothing but globals. -1 while no StopSignal exists.
std::atomic<int> g_event_fd{-1};
std::atomic<bool> g_requested{false};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

extern "C" void on_stop_signal(int) {
  const int saved_errno = errno;
  g_requested.store(true);
  const std::uint64_t one = 1;
  const auto written = ::write(g_event_fd.load(), &one, sizeof one);
  static_cast<void>(written);  // full means that it is readable already
  errno = saved_errno;
}

}  // namespace

struct StopSignal::Saved {
  struct sigaction interrupt;
  struct sigaction terminate;
};

StopSignal::StopSignal() : saved_(std::make_unique<Saved>()), event_fd_(-1) {
  assert(g_event_fd.load() == -1);
  event_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event_fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
  g_requested.store(false);
  g_event_fd.store(event_fd_);
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;
  ::sigemptyset(&action.sa_mask);
  // These fail only for signals that do not exist.
  ::sigaction(SIGINT, &action, &saved_->interrupt);
  ::sigaction(SIGTERM, &action, &saved_->terminate);
}

StopSignal::~StopSignal() {
  ::sigaction(SIGINT, &saved_->interrupt, nullptr);
  ::sigaction(SIGTERM, &saved_->terminate, nullptr);
  g_event_fd.store(-1);
  ::close(event_fd_);
}

bool StopSignal::requested() const {
  return g_requested.load(std::memory_order_relaxed);
}

bool StopSignal::wait_until(std::chrono::steady_clock::time_point deadline) const {
  using std::chrono::milliseconds;
  while (!requested()) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    pollfd poll_fd{event_fd_, POLLIN, 0};
    ::poll(&poll_fd, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60'000)));
  }
  return true;
}

}  // namespace trainer
