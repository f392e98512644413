// The client side of every measurement: threads that read all clients and check what they read.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "frame_checker.h"
#include "support/tcp_socket.h"

namespace bench {

// A client that is connected and subscribed, and what was read of it before it came here.
struct Connection {
  testing_support::TcpSocket socket;
  std::string unread;
  std::size_t rule = 0;  // which of the reader's
  bool handshaking = false;  // the answer to its handshake has yet to be read
};

// How many threads read so many clients: one for four cores of this machine, so that what is measured has the others, and for
// sixteen clients; eight at most.
std::size_t reading_threads(std::size_t clients);

// Reads any number of clients on threads of its own, with as little work a byte as checking
// allows, and the same for every subject. start() and stop() and the constructor belong to one
// thread; the counters may be read from any.
class FanReader {
 public:
  // `on_event`, if any, must outlive this and is called on the reading threads, as EventListener has it.
  FanReader(std::vector<Connection> connections, SequenceRule rule, EventListener* on_event)
      : FanReader(std::move(connections), std::vector<SequenceRule>{std::move(rule)}, on_event) {}
  // The same for clients that are not to get the same; `threads` of 0 is reading_threads().
  FanReader(std::vector<Connection> connections, std::vector<SequenceRule> rules, EventListener* on_event,
            std::size_t threads = 0);
  ~FanReader();

  void start();
  // Closes the connections, so that a subject that is stopped next has nobody to wait for. Idempotent.
  // After it nothing changes any more.
  void stop();

  // Bench events read, all clients together, and the bytes of all that was read.
  std::uint64_t deliveries() const;
  std::uint64_t bytes() const;
  // Up to which event the slowest client has all that is for it.
  std::uint64_t slowest() const;
  // Whether a client missed an event, got one twice or was closed.
  bool failed() const;
  // CPU time of the reading threads while they run. Call on the thread that starts and stops them.
  double cpu_seconds();
  std::size_t threads() const { return parts_.size(); }
  // What went wrong first on one of them, "" if nothing. Call after stop().
  std::string failure() const;

 private:
  class Part;

  const std::vector<SequenceRule> rules_;
  std::vector<std::unique_ptr<Part>> parts_;  // a thread each
};

}  // namespace bench
