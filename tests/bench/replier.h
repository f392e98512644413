// The two that answer in mode commands: a trainer, and the REP of a bare pair.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include <zmq.hpp>

namespace bench {

// A ZeroMQ socket with a context and a thread of its own that answers each request. The derived
// class's destructor must call stop().
class Replier {
 public:
  virtual ~Replier() = default;
  Replier(const Replier&) = delete;
  Replier& operator=(const Replier&) = delete;

  // Where it is bound or connected.
  const std::string& endpoint() const { return endpoint_; }

 protected:
  explicit Replier(zmq::socket_type type);
  // Once the socket is bound or connected: answers until stop().
  void start(std::function<void()> answer_one);
  void stop();
  // The next message; false if none came for a while.
  bool receive(zmq::message_t& message);

  zmq::context_t context_;
  zmq::socket_t socket_;
  std::string endpoint_;

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// A REP on a free port of the loopback; answers with as many bytes as it was last told.
class BareReplier : public Replier {
 public:
  BareReplier();
  ~BareReplier() override { stop(); }
  void set_reply_bytes(std::size_t bytes) { reply_bytes_ = bytes; }

 private:
  std::atomic<std::size_t> reply_bytes_{2};
  std::string reply_;
};

// A trainer that succeeds at once at whatever it is sent. It has to be announced by someone else.
class TrainerReplier : public Replier {
 public:
  TrainerReplier(const std::string& control, const std::string& source);
  ~TrainerReplier() override { stop(); }
  std::uint64_t answered() const { return answered_; }
  // Bodies of the last request and the last reply.
  std::size_t request_bytes() const { return request_bytes_; }
  std::size_t reply_bytes() const { return reply_bytes_; }

 private:
  std::atomic<std::uint64_t> answered_{0};
  std::atomic<std::size_t> request_bytes_{0};
  std::atomic<std::size_t> reply_bytes_{0};
  std::string reply_;
};

}  // namespace bench
