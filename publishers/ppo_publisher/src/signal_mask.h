// Which signals a thread takes. Those of the library's own take none, which are for the program's; where one of them calls the
// program back it takes what the program's does, since whatever is started from there takes no other for as long as it lives.
#pragma once

#include <pthread.h>
#include <signal.h>

namespace ppo {

inline sigset_t all_signals() {
  sigset_t all;
  sigfillset(&all);
  return all;
}

// What the calling thread blocks.
inline sigset_t signals_blocked() {
  sigset_t mask;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return mask;
}

// While one exists, its thread, and one that it starts, block these signals and no others.
class SignalMask {
 public:
  explicit SignalMask(const sigset_t& blocked) { pthread_sigmask(SIG_SETMASK, &blocked, &before_); }
  ~SignalMask() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalMask(const SignalMask&) = delete;
  SignalMask& operator=(const SignalMask&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace ppo
