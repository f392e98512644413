#include "ppo-bot/event_socket.h"

#include <cstring>
#include <utility>

#include "ppo-bot/zmq_wait.h"

namespace bot {
namespace {

constexpr std::int64_t kMessageBytesMax = 16 << 20;
// Events that may wait while a command is being answered; beyond it the bridge's queue, and then
// holes, which are asked for.
constexpr int kQueueMessagesMax = 100'000;

}  // namespace

EventSocket::EventSocket(zmq::context_t& context, std::string endpoint,
                         std::vector<std::string> topics)
    : context_(context), endpoint_(std::move(endpoint)), topics_(std::move(topics)) {
  open();
}

void EventSocket::open() {
  socket_ = zmq::socket_t(context_, zmq::socket_type::sub);
  socket_.set(zmq::sockopt::linger, 0);
  socket_.set(zmq::sockopt::rcvhwm, kQueueMessagesMax);
  socket_.set(zmq::sockopt::maxmsgsize, kMessageBytesMax);
  socket_.set(zmq::sockopt::reconnect_ivl, kReconnectMsMin);
  socket_.set(zmq::sockopt::reconnect_ivl_max, kReconnectMsMax);
  for (const std::string& topic : topics_) socket_.set(zmq::sockopt::subscribe, topic);

  const std::string news = "inproc://events-monitor-" + std::to_string(++opened_);
  constexpr int kNews = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED;
  if (zmq_socket_monitor(socket_.handle(), news.c_str(), kNews) != 0) throw zmq::error_t();
  monitor_ = zmq::socket_t(context_, zmq::socket_type::pair);
  monitor_.set(zmq::sockopt::linger, 0);
  monitor_.connect(news);
  socket_.connect(endpoint_);
}

void EventSocket::close() {
  if (!socket_) return;
  zmq_socket_monitor(socket_.handle(), nullptr, 0);
  monitor_.close();
  socket_.close();
}

void EventSocket::wait(std::chrono::milliseconds wait) {
  wait_readable({&socket_, &monitor_}, wait);
  watch();
}

std::optional<std::string> EventSocket::receive() {
  zmq::message_t frame;
  if (!socket_.recv(frame, zmq::recv_flags::dontwait)) {
    watch();
    return std::nullopt;
  }
  while (frame.more() && socket_.recv(frame, zmq::recv_flags::dontwait)) {
  }
  // What happened before a message came is known to the monitor by now; if it was a cut, the
  // message may be from before or from after it, and is asked for again.
  const std::uint64_t before = cuts_;
  watch();
  if (cuts_ != before) return std::nullopt;
  return frame.to_string();
}

void EventSocket::watch() {
  zmq::message_t news;
  zmq::message_t address;
  while (monitor_.recv(news, zmq::recv_flags::dontwait)) {
    if (!news.more() || !monitor_.recv(address, zmq::recv_flags::dontwait)) continue;
    std::uint16_t what = 0;  // the frame begins with it, in the machine's own order
    if (news.size() < sizeof what) continue;
    std::memcpy(&what, news.data(), sizeof what);
    if (what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) connected_ = true;
    if (what == ZMQ_EVENT_DISCONNECTED && connected_) {
      connected_ = false;
      ++cuts_;
      close();
      open();
    }
  }
}

}  // namespace bot
