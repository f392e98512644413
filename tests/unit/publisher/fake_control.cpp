#include "fake_control.h"

#include <stdexcept>

#include "support/json.h"
#include "support/wait.h"

namespace ppo::test {

using testing_support::json_quoted;

std::string to_json(const Ask& ask) {
  std::string text = "{\"id\":" + json_quoted(ask.id) + ",\"command\":" + json_quoted(ask.command) +
                     ",\"params\":" + ask.params +
                     ",\"deadline_ms\":" + std::to_string(ask.deadline_ms) +
                     ",\"run\":" + json_quoted(ask.run);
  if (!ask.agent_id.empty()) text += ",\"agent_id\":" + json_quoted(ask.agent_id);
  return text + "}";
}

FakeControl::FakeControl(const std::string& endpoint, int queue_messages_max)
    : socket_(context_, zmq::socket_type::router) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::rcvhwm, queue_messages_max);
  socket_.set(zmq::sockopt::router_mandatory, true);
  socket_.set(zmq::sockopt::router_handover, true);
  // The port of one that was just closed may be taken for another moment.
  const bool bound = testing_support::wait_until([&] {
    try {
      socket_.bind(endpoint);
      return true;
    } catch (const zmq::error_t&) {
      return false;
    }
  });
  if (!bound) throw std::runtime_error("cannot bind " + endpoint);
  endpoint_ = socket_.get(zmq::sockopt::last_endpoint);
}

bool FakeControl::send(const std::string& source, const std::string& body) {
  return send_frames(source, {"", body});
}

bool FakeControl::send_frames(const std::string& source, const std::vector<std::string>& frames) {
  return testing_support::wait_until([&] {
    try {
      socket_.send(zmq::buffer(source), zmq::send_flags::sndmore);
    } catch (const zmq::error_t&) {
      return false;  // not connected (EHOSTUNREACH)
    }
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const bool last = i + 1 == frames.size();
      socket_.send(zmq::buffer(frames[i]), last ? zmq::send_flags::none : zmq::send_flags::sndmore);
    }
    return true;
  });
}

std::optional<std::string> FakeControl::receive(std::chrono::milliseconds deadline) {
  socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(deadline.count()));
  zmq::message_t source;
  zmq::message_t delimiter;
  zmq::message_t body;
  if (!socket_.recv(source) || !source.more() || !socket_.recv(delimiter)) return {};
  if (delimiter.size() != 0 || !delimiter.more() || !socket_.recv(body) || body.more()) return {};
  return body.to_string();
}

std::string FakeControl::ask(const std::string& source, const Ask& ask) {
  if (!send(source, ask)) return {};
  return receive().value_or("");
}

void FakeControl::close() {
  socket_.close();
  context_.close();
}

}  // namespace ppo::test
