// A ZeroMQ subscriber that only receives: the floor of what takes single messages in.
//
// Prints `ready events_in=ENDPOINT`, and on every SIGUSR1 `taken N`, the messages so far.
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <thread>
#include <zmq.hpp>

namespace {

// As the bridge has it, or the two would not be alike (events.receive_messages_max).
constexpr int kReceiveMessagesMax = 100'000;

void run() {
  // Blocked before ZeroMQ starts its threads: none but the one that waits for it is interrupted.
  sigset_t ask;
  sigemptyset(&ask);
  sigaddset(&ask, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &ask, nullptr);

  zmq::context_t context{1};
  zmq::socket_t socket(context, zmq::socket_type::sub);
  socket.set(zmq::sockopt::rcvhwm, kReceiveMessagesMax);
  socket.set(zmq::sockopt::subscribe, "");
  socket.bind("tcp://127.0.0.1:*");
  std::printf("ready events_in=%s\n", socket.get(zmq::sockopt::last_endpoint).c_str());
  std::fflush(stdout);

  std::atomic<std::uint64_t> taken{0};
  std::thread([&taken, ask] {
    for (int number = 0; ::sigwait(&ask, &number) == 0;) {
      std::printf("taken %" PRIu64 "\n", taken.load());
      std::fflush(stdout);
    }
  }).detach();
  zmq::message_t message;
  for (;;) {
    (void)socket.recv(message);
    taken.store(taken.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
}

}  // namespace

int main() {
  try {
    run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bare-subscriber: %s\n", error.what());
  }
  return 1;
}
