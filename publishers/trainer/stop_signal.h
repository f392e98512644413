// How an operator stops the program: SIGINT and SIGTERM, as a flag that can be waited on.
#pragma once

#include <chrono>
#include <memory>

namespace trainer {

// While one exists, SIGINT and SIGTERM set its flag instead of ending the process; afterwards they
// do what they did before. At most one may exist at a time. The signal handler writes to an eventfd
// and does nothing else. requested() and wait_until() may be called from one thread.
class StopSignal {
 public:
  // Throws std::system_error where the system refuses a descriptor.
  StopSignal();
  ~StopSignal();

  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  [[nodiscard]] bool requested() const;

  // Waits until `deadline` or until stopping is requested, whichever is first; true for the latter.
  bool wait_until(std::chrono::steady_clock::time_point deadline) const;

 private:
  struct Saved;
  std::unique_ptr<Saved> saved_;  // what the signals did before
  int event_fd_;
};

}  // namespace trainer
