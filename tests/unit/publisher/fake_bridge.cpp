#include "fake_bridge.h"

#include <rapidjson/document.h>

#include "support/wait.h"

namespace ppo::test {

FakeBridge::FakeBridge(const BridgeOptions& options) : socket_(context_, zmq::socket_type::sub) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::rcvhwm, options.queue_messages_max);
  socket_.set(zmq::sockopt::sndhwm, 0);  // of subscriptions
  if (options.receive_buffer_bytes > 0) {
    socket_.set(zmq::sockopt::rcvbuf, options.receive_buffer_bytes);
  }
  socket_.set(zmq::sockopt::subscribe, "");
  // The port of one that was just closed may be taken for another moment.
  const bool bound = testing_support::wait_until([&] {
    try {
      socket_.bind(options.endpoint);
      return true;
    } catch (const zmq::error_t&) {
      return false;
    }
  });
  if (!bound) throw std::runtime_error("cannot bind " + options.endpoint);
  endpoint_ = socket_.get(zmq::sockopt::last_endpoint);
}

void FakeBridge::greet() {
  static_cast<void>(socket_.get(zmq::sockopt::events));
}

std::optional<Message> FakeBridge::receive(std::chrono::milliseconds deadline) {
  socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(deadline.count()));
  zmq::message_t topic;
  zmq::message_t body;
  if (!socket_.recv(topic) || !topic.more() || !socket_.recv(body) || body.more()) return {};
  return Message{topic.to_string(), body.to_string()};
}

std::vector<std::string> FakeBridge::receive_events(std::size_t count,
                                                    std::chrono::milliseconds deadline) {
  std::vector<std::string> events;
  while (events.size() < count) {
    const auto message = receive(deadline);
    if (!message) break;
    for (std::string& line : lines(message->body)) events.push_back(std::move(line));
  }
  return events;
}

void FakeBridge::close() {
  socket_.close();
  context_.close();
}

std::string free_endpoint() {
  return FakeBridge().endpoint();
}

std::vector<std::string> lines(std::string_view body) {
  std::vector<std::string> found;
  for (;;) {
    const std::size_t end = body.find('\n');
    found.emplace_back(body.substr(0, end));
    if (end == std::string_view::npos) return found;
    body.remove_prefix(end + 1);
  }
}

std::uint64_t source_seq(const std::string& event) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseNanAndInfFlag>(event);
  if (!document.IsObject() || !document.HasMember("source_seq")) return 0;
  return document["source_seq"].GetUint64();
}

}  // namespace ppo::test
