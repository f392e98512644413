// How events get into a subject.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "support/wait.h"

namespace bench {

// Belongs to the thread that publishes.
class Publisher {
 public:
  virtual ~Publisher() = default;

  // Hands over one message, as Subject::append_message() makes them. False if not all of it left in
  // time: the same message is to be given again then, and what has left of it does not leave twice.
  // Throws std::runtime_error if the subject has gone or does not want it.
  [[nodiscard]] virtual bool publish(std::string_view message,
                                     testing_support::milliseconds timeout) = 0;
};

// A ZeroMQ PUB socket that waits where others drop. Waits until `address` has subscribed; throws
// std::runtime_error if it does not.
std::unique_ptr<Publisher> connect_zmq_publisher(const std::string& address);

}  // namespace bench
