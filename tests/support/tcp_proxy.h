// A wire that can be cut: passes bytes between whoever connects and a server.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tcp_socket.h"

namespace testing_support {

// Listens on a free port of 127.0.0.1 and opens a connection to `server` for each that comes in. One
// thread inside. Every member may be called from any thread.
class TcpProxy {
 public:
  // Throws std::system_error if it cannot listen.
  explicit TcpProxy(TcpAddress server);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  // "tcp://127.0.0.1:PORT"
  const std::string& endpoint() const { return endpoint_; }

  // From now on what comes from those who connected goes nowhere, unnoticed by them.
  void swallow(bool swallowing) { swallowing_ = swallowing; }

  // Ends all connections by a reset; what was on its way is lost. New ones are taken.
  void cut();

  // Bytes that went nowhere.
  std::uint64_t swallowed() const { return swallowed_; }

 private:
  struct Pair {
    TcpSocket near;
    TcpSocket far;
  };

  void run();
  bool pass(TcpSocket& from, TcpSocket& to, bool outwards);

  const TcpAddress server_;
  int listener_ = -1;
  std::string endpoint_;
  std::atomic<bool> swallowing_{false};
  std::atomic<bool> stop_{false};
  std::atomic<std::uint64_t> swallowed_{0};
  std::mutex mutex_;  // guards pairs_
  std::vector<Pair> pairs_;
  std::thread thread_;
};

}  // namespace testing_support
