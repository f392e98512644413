// Publishes event bodies over ZeroMQ as a source does, but knows that the bridge listens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>
#include <zmq.hpp>

#include "wait.h"

namespace testing_support {

// An XPUB socket connected to the bridge's SUB. It is an XPUB so that it sees the bridge's
// subscription arrive, and has ZMQ_XPUB_NODROP so that a full pipe makes it wait instead of drop:
// what publish() accepted reaches the bridge unless one of the two ends first. Belongs to one
// thread; its ZeroMQ context is its own.
class EventPublisher {
 public:
  // Connects and waits until the bridge has subscribed. Throws std::runtime_error if it does not.
  explicit EventPublisher(const std::string& address, milliseconds timeout = kPatience);

  // Sends one message of one frame: one body, or several separated by '\n'.
  // False if there was nobody subscribed, or no room for it, in time.
  [[nodiscard]] bool publish(std::string_view body, milliseconds timeout = kPatience);
  // The same without a look whether anybody is subscribed, which is a system call and takes longer
  // than the sending. Where the bridge has gone since the last look, nobody gets it.
  [[nodiscard]] bool publish_unasked(std::string_view body, milliseconds timeout = kPatience);
  // As publish(), with a topic frame before the body.
  [[nodiscard]] bool publish(std::string_view topic, std::string_view body,
                             milliseconds timeout = kPatience);
  // Sends all bodies as one newline batch.
  [[nodiscard]] bool publish_batch(const std::vector<std::string>& bodies,
                                   milliseconds timeout = kPatience);

  // Whether the bridge is subscribed right now; false soon after it has gone.
  bool subscribed();
  [[nodiscard]] bool wait_subscribed(milliseconds timeout = kPatience);

 private:
  bool send(std::string_view bytes, zmq::send_flags flags, const Deadline& deadline);

  zmq::context_t context_;
  zmq::socket_t socket_;
  int subscriptions_ = 0;
};

// The text of one event body: {"type":TYPE,"data":DATA} with, unless `source` is "", `source`,
// `run` and `source_seq` behind it. `data` is a JSON object as text.
std::string event_body(std::string_view type, std::string_view data = "{}",
                       std::string_view source = {}, std::string_view run = {},
                       std::uint64_t source_seq = 0);

}  // namespace testing_support
