#include "net/zmq_monitor.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "net/zmq_frames.h"

namespace bridge {

ZmqMonitor::ZmqMonitor(asio::io_context& io, zmq::context_t& context, zmq::socket_t& socket,
                       std::function<void(int)> on_disconnected)
    : socket_(socket),
      events_(context, zmq::socket_type::pair),
      on_disconnected_(std::move(on_disconnected)) {
  static std::atomic<int> count{0};
  const std::string address = "inproc://monitor-" + std::to_string(++count);
  if (zmq_socket_monitor(socket.handle(), address.c_str(), ZMQ_EVENT_DISCONNECTED) != 0) {
    throw zmq::error_t();
  }
  events_.set(zmq::sockopt::linger, 0);
  events_.connect(address);
  watch_ = std::make_unique<ZmqWatch>(io, events_, [this] { return take_turn(); });
}

ZmqMonitor::~ZmqMonitor() {
  watch_.reset();
  zmq_socket_monitor(socket_.handle(), nullptr, 0);
}

// An event is a frame of 16 bits, its number, and 32 bits, its value (zmq_socket_monitor(3)).
Turn ZmqMonitor::take_turn() {
  std::vector<zmq::message_t> frames;
  while (receive_frames(events_, frames)) {
    std::uint16_t event = 0;
    std::int32_t value = 0;
    if (frames.front().size() != sizeof event + sizeof value) continue;
    std::memcpy(&event, frames.front().data(), sizeof event);
    std::memcpy(&value, frames.front().data<char>() + sizeof event, sizeof value);
    if (event == ZMQ_EVENT_DISCONNECTED) on_disconnected_(value);
  }
  return Turn::drained;
}

}  // namespace bridge
