#include "event_publisher.h"

#include <stdexcept>

#include "json.h"

namespace testing_support {
namespace {

// How long the context waits at the end for what has not left yet.
constexpr int kLingerMs = 5000;

int in_milliseconds(const Deadline& deadline) {
  return static_cast<int>(deadline.left().count());
}

}  // namespace

EventPublisher::EventPublisher(const std::string& address, milliseconds timeout)
    : socket_(context_, zmq::socket_type::xpub) {
  socket_.set(zmq::sockopt::xpub_nodrop, true);
  socket_.set(zmq::sockopt::linger, kLingerMs);
  // Else the subscription outlives the connection, and a bridge that has gone is not noticed.
  socket_.set(zmq::sockopt::immediate, true);
  socket_.connect(address);
  if (!wait_subscribed(timeout)) {
    throw std::runtime_error("nothing subscribed at " + address);
  }
}

bool EventPublisher::subscribed() {
  // An XPUB receives one frame a change: 1 or 0, then the prefix.
  zmq::message_t change;
  while (socket_.recv(change, zmq::recv_flags::dontwait)) {
    if (change.size() == 0) continue;
    subscriptions_ += *change.data<char>() == 1 ? 1 : -1;
  }
  return subscriptions_ > 0;
}

bool EventPublisher::wait_subscribed(milliseconds timeout) {
  const Deadline deadline(timeout);
  while (!subscribed()) {
    if (deadline.passed()) return false;
    zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
    zmq::poll(&item, 1, deadline.left());
  }
  return true;
}

bool EventPublisher::send(std::string_view bytes, zmq::send_flags flags, const Deadline& deadline) {
  if (socket_.send(zmq::buffer(bytes), flags | zmq::send_flags::dontwait)) return true;
  socket_.set(zmq::sockopt::sndtimeo, in_milliseconds(deadline));
  return socket_.send(zmq::buffer(bytes), flags).has_value();
}

bool EventPublisher::publish(std::string_view body, milliseconds timeout) {
  const Deadline deadline(timeout);
  return wait_subscribed(deadline.left()) && send(body, zmq::send_flags::none, deadline);
}

bool EventPublisher::publish_unasked(std::string_view body, milliseconds timeout) {
  return send(body, zmq::send_flags::none, Deadline(timeout));
}

bool EventPublisher::publish(std::string_view topic, std::string_view body, milliseconds timeout) {
  const Deadline deadline(timeout);
  return wait_subscribed(deadline.left()) && send(topic, zmq::send_flags::sndmore, deadline) &&
         send(body, zmq::send_flags::none, deadline);
}

bool EventPublisher::publish_batch(const std::vector<std::string>& bodies, milliseconds timeout) {
  std::string batch;
  for (const std::string& body : bodies) {
    if (!batch.empty()) batch += '\n';
    batch += body;
  }
  return publish(batch, timeout);
}

std::string event_body(std::string_view type, std::string_view data, std::string_view source,
                       std::string_view run, std::uint64_t source_seq) {
  std::string body = R"({"type":)" + json_quoted(type) + R"(,"data":)" + std::string(data);
  if (!source.empty()) {
    body += R"(,"source":)" + json_quoted(source) + R"(,"run":)" + json_quoted(run) +
            R"(,"source_seq":)" + std::to_string(source_seq);
  }
  return body + "}";
}

}  // namespace testing_support
