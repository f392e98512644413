// How an operator stops the program: SIGINT and SIGTERM, as a flag.
#pragma once

#include <csignal>

namespace trainer {

// While one exists, SIGINT and SIGTERM set its flag instead of ending the process; afterwards they
// do what they did before. At most one may exist at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();

  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  // Any thread. A sleep is not cut short by a signal: sleep for a moment at a time.
  [[nodiscard]] bool requested() const;

 private:
  struct sigaction interrupt_ {};  // what the signals did before
  struct sigaction terminate_ {};
};

}  // namespace trainer
