#include "ppo-bot/request_socket.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "ppo-bot/zmq_wait.h"

namespace bot {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t kAnswerBytesMax = 64 << 20;

}  // namespace

RequestSocket::RequestSocket(zmq::context_t& context, std::string endpoint, std::string name)
    : context_(context), endpoint_(std::move(endpoint)), name_(std::move(name)) {
  open();
}

void RequestSocket::open() {
  socket_ = zmq::socket_t(context_, zmq::socket_type::req);
  socket_.set(zmq::sockopt::linger, 0);  // what was not sent in time must not be sent later
  socket_.set(zmq::sockopt::reconnect_ivl, kReconnectMsMin);
  socket_.set(zmq::sockopt::reconnect_ivl_max, kReconnectMsMax);
  socket_.set(zmq::sockopt::maxmsgsize, kAnswerBytesMax);
  if (!name_.empty()) socket_.set(zmq::sockopt::routing_id, name_);
  socket_.connect(endpoint_);
}

std::optional<std::string> RequestSocket::ask(const std::string& question, milliseconds wait) {
  const auto until = Clock::now() + wait;
  if (socket_.send(zmq::buffer(question), zmq::send_flags::dontwait)) {
    for (;;) {
      zmq::message_t answer;
      if (socket_.recv(answer, zmq::recv_flags::dontwait)) {
        // One frame; a REQ must read all there are before it may ask again.
        while (answer.more() && socket_.recv(answer, zmq::recv_flags::dontwait)) {
        }
        return answer.to_string();
      }
      const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
      if (left.count() <= 0) break;
      wait_readable({&socket_}, left);
    }
  }
  open();
  ++renewals_;
  return std::nullopt;
}

}  // namespace bot
