// Which cores the threads of a measurement run on.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <vector>

namespace bench {

// The threads that `process` has now; empty if it is gone.
std::vector<pid_t> threads_of(pid_t process);

// Moves threads between one core and all that the process may use. Where a chain of threads wakes
// one another, a wake-up costs several times as much across cores as on one, and the scheduler
// puts the same chain now here, now there: only a chain that is held in place can be compared.
// Gives the threads all cores back at the end.
class Placement {
 public:
  explicit Placement(std::vector<pid_t> threads);
  ~Placement() { use_any_core(); }
  Placement(const Placement&) = delete;
  Placement& operator=(const Placement&) = delete;

  // The last of the cores, which fewest interrupts go to.
  void use_one_core() { use(one_); }
  void use_any_core() { use(any_); }

 private:
  void use(const cpu_set_t& cores);

  const std::vector<pid_t> threads_;
  cpu_set_t any_{};
  cpu_set_t one_{};
};

}  // namespace bench
