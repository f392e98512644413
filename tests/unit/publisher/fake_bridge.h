// The receiving end of a publisher: a SUB socket that is bound like the bridge's.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

namespace ppo::test {

struct Message {
  std::string topic;
  std::string body;
};

struct BridgeOptions {
  std::string endpoint = "tcp://127.0.0.1:*";
  int queue_messages_max = 100000;
  int receive_buffer_bytes = 0;  // 0: the system's choice
};

// Closing it closes its connections at once, as the death of a process would. One thread.
class FakeBridge {
 public:
  explicit FakeBridge(const BridgeOptions& options = {});
  ~FakeBridge() { close(); }
  FakeBridge(const FakeBridge&) = delete;
  FakeBridge& operator=(const FakeBridge&) = delete;

  const std::string& endpoint() const { return endpoint_; }

  // Lets ZeroMQ answer connections that came in (a SUB subscribes on its owner's thread only),
  // without reading anything.
  void greet();

  // The next message, waiting for it at most `deadline`.
  std::optional<Message> receive(std::chrono::milliseconds deadline = std::chrono::seconds(10));

  // Events (lines of messages' bodies) until there are `count`, or none came for `deadline`.
  std::vector<std::string> receive_events(
      std::size_t count, std::chrono::milliseconds deadline = std::chrono::seconds(10));

  // Subscribed to everything from the start.
  void subscribe(const std::string& prefix) { socket_.set(zmq::sockopt::subscribe, prefix); }
  void unsubscribe(const std::string& prefix) { socket_.set(zmq::sockopt::unsubscribe, prefix); }

  void close();

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
  std::string endpoint_;
};

// An endpoint on which nobody listens.
std::string free_endpoint();

// The events of a batch.
std::vector<std::string> lines(std::string_view body);

// Of one event; 0 where it has none.
std::uint64_t source_seq(const std::string& event);

}  // namespace ppo::test
