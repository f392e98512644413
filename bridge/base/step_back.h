// For threads that nobody waits for: whoever takes events in, or trains, comes first.
#pragma once

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace bridge {

// The calling thread is run where nobody else wants to. `nice`: 1 a little behind others, 19 far.
inline void step_back(int nice) {
  const sched_param none{};
  pthread_setschedparam(pthread_self(), SCHED_BATCH, &none);
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), nice);
}

}  // namespace bridge
