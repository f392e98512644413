// A publisher that writes bytes to a TCP connection, whatever protocol they are of.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "../publisher.h"
#include "support/tcp_socket.h"

namespace bench {

class TcpPublisher : public Publisher {
 public:
  // Connects; throws std::system_error if it cannot.
  explicit TcpPublisher(const testing_support::TcpAddress& address);
  // Says that nothing more comes and waits, for a few seconds at most, until the server has read
  // all.
  ~TcpPublisher() override;

  bool publish(std::string_view message, testing_support::milliseconds timeout) override;

 protected:
  // Told what the server said, in the order in which it came. Throws std::runtime_error if it is
  // nothing good.
  virtual void take_answer(std::string_view bytes) = 0;
  // Whether the next message must wait; asked again after each answer and a millisecond.
  virtual bool must_wait() { return false; }

  // Reads answers until `enough`; false when the time is over.
  bool wait_answers(const std::function<bool()>& enough, testing_support::milliseconds timeout);

  // For the greeting, before anything is published: sends `bytes` and reads until `wanted` is in
  // the answer, which it returns. Throws std::runtime_error if it does not come.
  std::string ask(std::string_view bytes, std::string_view wanted);

 private:
  void take_answers();
  // False when the deadline has passed.
  bool wait_for(short events, const testing_support::Deadline& deadline);

  testing_support::TcpSocket socket_;
  std::string answer_;
  std::size_t sent_bytes_ = 0;  // of the message at hand
};

}  // namespace bench
