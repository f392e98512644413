// The client side of every measurement: one thread that reads all clients and checks what it reads.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
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

// Reads any number of clients on a thread of its own, with as little work a byte as checking
// allows, and the same for every subject. start() and stop() and the constructor belong to one
// thread; the counters may be read from any.
class FanReader {
 public:
  // `on_event`, if any, must outlive this and is called on the reading thread.
  FanReader(std::vector<Connection> connections, SequenceRule rule, EventListener* on_event)
      : FanReader(std::move(connections), std::vector<SequenceRule>{std::move(rule)}, on_event) {}
  // The same for clients that are not to get the same.
  FanReader(std::vector<Connection> connections, std::vector<SequenceRule> rules,
            EventListener* on_event);
  ~FanReader() { stop(); }

  void start();
  // Closes the connections, so that a subject that is stopped next has nobody to wait for. Idempotent.
  // After it nothing changes any more.
  void stop();

  // Bench events read, all clients together, and the bytes of all that was read.
  std::uint64_t deliveries() const { return deliveries_.load(std::memory_order_relaxed); }
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  // Up to which event the slowest client has all that is for it.
  std::uint64_t slowest() const { return slowest_.load(std::memory_order_relaxed); }
  // Whether a client missed an event, got one twice or was closed.
  bool failed() const { return failed_.load(std::memory_order_relaxed); }
  // CPU time of the reading thread while it runs. Call on the thread that starts and stops it.
  double cpu_seconds();
  // What went wrong first, "" if nothing. Call after stop().
  const std::string& failure() const { return failure_; }

 private:
  struct Client {
    testing_support::TcpSocket socket;
    std::string tail;  // the beginning of a frame whose rest has not come yet
    FrameChecker checker;
    bool handshaking;
  };

  void run();
  void read(std::size_t index);
  void take(std::size_t index, std::size_t bytes_filled, std::size_t bytes_new);
  // How much of `bytes` is the answer to the handshake: 0 until it is all there.
  std::size_t take_handshake(std::size_t index, std::string_view bytes);
  void fail(std::size_t index, const std::string& what);

  const std::vector<SequenceRule> rules_;
  std::size_t key_hint_ = 0;
  std::vector<Client> clients_;
  std::vector<std::uint64_t> positions_;  // a client each, together so that the least is found fast
  std::vector<char> buffer_;
  int epoll_ = -1;
  int wake_ = -1;
  std::thread thread_;
  std::string failure_;
  std::atomic<std::uint64_t> deliveries_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::atomic<std::uint64_t> slowest_{0};
  std::atomic<bool> failed_{false};
};

}  // namespace bench
