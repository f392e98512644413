// A wake-up that can be polled together with sockets.
#pragma once

namespace ppo {

// An eventfd. signal() from any thread; the rest from the thread that polls.
class WakeUp {
 public:
  WakeUp();  // throws std::system_error
  ~WakeUp();
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  void signal() noexcept;
  void clear() noexcept;  // until the next signal()
  int fd() const { return fd_; }

 private:
  int fd_;
};

}  // namespace ppo
