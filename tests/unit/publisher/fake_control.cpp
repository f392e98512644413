#include "fake_control.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "support/json.h"
#include "support/wait.h"

namespace ppo::test {

using std::chrono::milliseconds;
using testing_support::json_quoted;

std::string to_json(const Ask& ask) {
  std::string text = "{\"id\":" + json_quoted(ask.id) + ",\"command\":" + json_quoted(ask.command) +
                     ",\"params\":" + ask.params +
                     ",\"deadline_ms\":" + std::to_string(ask.deadline_ms) +
                     ",\"run\":" + json_quoted(ask.run);
  if (ask.by != 0) text += ",\"by\":" + std::to_string(ask.by);
  if (!ask.idempotency_key.empty())
    text += ",\"idempotency_key\":" + json_quoted(ask.idempotency_key);
  if (!ask.agent_id.empty()) text += ",\"agent_id\":" + json_quoted(ask.agent_id);
  return text + "}";
}

FakeControl::FakeControl(const std::string& endpoint, int queue_messages_max)
    : socket_(context_, zmq::socket_type::router) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::rcvhwm, queue_messages_max);
  socket_.set(zmq::sockopt::router_mandatory, true);
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
    while (peers_.count(source) == 0) {
      if (!take_one(milliseconds(0))) return false;
    }
    try {
      socket_.send(zmq::buffer(peers_[source]), zmq::send_flags::sndmore);
    } catch (const zmq::error_t&) {
      peers_.erase(source);  // gone (EHOSTUNREACH)
      return false;
    }
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const bool last = i + 1 == frames.size();
      socket_.send(zmq::buffer(frames[i]), last ? zmq::send_flags::none : zmq::send_flags::sndmore);
    }
    return true;
  });
}

bool FakeControl::take_one(milliseconds deadline) {
  socket_.set(zmq::sockopt::rcvtimeo, static_cast<int>(deadline.count()));
  zmq::message_t peer;
  zmq::message_t delimiter;
  zmq::message_t message;
  if (!socket_.recv(peer)) return false;
  if (!peer.more() || !socket_.recv(delimiter) || delimiter.size() != 0 || !delimiter.more() ||
      !socket_.recv(message) || message.more()) {
    throw std::runtime_error("an answer must be an empty frame and a body");
  }
  std::string body = message.to_string();
  if (body.rfind(R"({"type":"_source")", 0) != 0) {
    answers_.push_back(std::move(body));
    return true;
  }
  const testing_support::Json hello(body);
  peers_[hello.string("/source")] = peer.to_string();
  connections_.insert(peer.to_string());
  if (ahead_s_ && hello.has("/data/clock")) {
    const std::string clock = R"({"command":"_clock","params":{"clock":)" +
                              hello.dump("/data/clock") + R"(,"at":)" +
                              std::to_string(wall_s() + *ahead_s_) + "}}";
    socket_.send(peer, zmq::send_flags::sndmore);
    socket_.send(zmq::message_t(), zmq::send_flags::sndmore);
    socket_.send(zmq::buffer(clock), zmq::send_flags::none);
    ++clocks_answered_;
  }
  hellos_.push_back(std::move(body));
  return true;
}

std::optional<std::string> FakeControl::next(std::deque<std::string>& of, milliseconds deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (of.empty()) {
    const auto left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    if (!take_one(std::max(left, milliseconds(0))) && left.count() <= 0) return {};
  }
  std::string first = std::move(of.front());
  of.pop_front();
  return first;
}

std::optional<std::string> FakeControl::receive(milliseconds deadline) {
  return next(answers_, deadline);
}

std::optional<std::string> FakeControl::hello() {
  return next(hellos_, testing_support::kPatience);
}

double wall_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
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
