// A bridge that does exactly what a test tells it, byte by byte where it has to.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "feed/client.h"
#include "support/tcp_socket.h"
#include "support/wait.h"
#include "support/websocket_frame.h"

namespace client_tests {

using std::chrono::milliseconds;

// The bridge's end of one connection, in the hands of a script. Nothing is answered by itself but
// pings.
class FakeConnection {
 public:
  FakeConnection(testing_support::TcpSocket socket, const std::atomic<bool>& stopping)
      : socket_(std::move(socket)), stopping_(stopping) {}

  // Reads the request for an upgrade and accepts it; false if none comes.
  bool shake_hands();
  // Reads it and sends `answer` instead.
  bool refuse(std::string_view answer);

  // The client's next text; nothing when it is gone or the test is over. Pings are answered and
  // counted.
  std::optional<std::string> receive();
  // Reads on until the client has pinged once more.
  bool receive_ping();
  // From now on pings stay without answer.
  void ignore_pings() { answers_pings_ = false; }
  // Reads until the client is gone or the test is over.
  void wait_until_gone();

  bool send(std::string_view text);
  bool send_frame(const testing_support::FrameSpec& frame);
  bool send_raw(std::string_view bytes);
  bool close(std::uint16_t code, std::string_view reason);
  // The end without a word, with a RST.
  void reset() { socket_.reset(); }

  // From now on at most so many bytes leave; then the connection is cut in the middle of whatever
  // it is.
  void cut_after(size_t bytes) { budget_ = bytes; }

  int pings() const { return pings_; }
  int pongs() const { return pongs_; }

 private:
  struct Frame {
    testing_support::Opcode opcode;
    std::string payload;
  };

  bool fill();
  // The client's next frame, answered where it is a ping or a goodbye.
  std::optional<Frame> receive_frame();

  testing_support::TcpSocket socket_;
  const std::atomic<bool>& stopping_;
  std::string buffer_;
  std::optional<size_t> budget_;
  bool upgraded_ = false;
  bool answers_pings_ = true;
  int pings_ = 0;
  int pongs_ = 0;
};

// Listens on a free port of 127.0.0.1 and runs the script for each connection, one after another,
// on a thread of its own; what the script returns from is closed.
class FakeBridge {
 public:
  // `number` counts connections from 0.
  using Script = std::function<void(FakeConnection& connection, int number)>;

  explicit FakeBridge(Script script);
  ~FakeBridge();
  FakeBridge(const FakeBridge&) = delete;
  FakeBridge& operator=(const FakeBridge&) = delete;

  std::string url() const { return "ws://127.0.0.1:" + std::to_string(port_) + "/ws"; }
  int connections() const { return connections_; }

 private:
  void serve();

  Script script_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> connections_{0};
  std::thread thread_;
};

// A text that two threads share.
class SharedText {
 public:
  void set(std::string text) {
    const std::lock_guard<std::mutex> lock(mutex_);
    text_ = std::move(text);
  }
  std::string get() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

// What a script needs all the time.
std::string welcome(const std::string& epoch, std::uint64_t seq);
// A registered reply to `request`, repeating its id; `recovered` as the bridge would say it: where
// since was asked.
std::string registered(const std::string& request, const std::string& epoch, std::uint64_t seq,
                       std::optional<bool> recovered = std::nullopt);
// An answer to `request` with more members: `"success":true,"result":{}`.
std::string answer(const std::string& request, const std::string& members);
std::string refusal(const std::string& request, const std::string& error_type);
std::string event(std::uint64_t seq, const std::string& source = "", std::uint64_t source_seq = 0);
std::string gap(std::uint64_t from, std::uint64_t to, const std::string& reason);

// Shakes hands, welcomes, and answers the registration; what was asked, or nothing where the client
// went. `asked` has it before the client has its answer.
std::optional<std::string> register_client(FakeConnection& connection, const std::string& epoch,
                                           std::uint64_t seq,
                                           std::optional<bool> recovered = std::nullopt,
                                           SharedText* asked = nullptr);

// Short waits, and a seed.
feed::Options test_options(const FakeBridge& bridge);

// The next message; fails the test when none comes.
feed::Message next(feed::Client& client);
// The next one of that kind; others are skipped.
feed::Message next(feed::Client& client, feed::Message::Kind kind);
// The seqs of events until `count` have come.
std::vector<std::uint64_t> next_seqs(feed::Client& client, size_t count);

}  // namespace client_tests
