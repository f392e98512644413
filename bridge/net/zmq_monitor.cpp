#include "net/zmq_monitor.h"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "net/zmq_frames.h"

namespace bridge {

namespace {

constexpr int kMonitoredEvents = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
                                 ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                 ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

// What a failed handshake counts as; null: it is none.
std::uint64_t Counters::*failed_handshake(int event, int value) {
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) return &Counters::handshakes_refused;
  if (event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL) return &Counters::handshakes_broken;
  if (event != ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) return nullptr;
  if (value == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH) return &Counters::handshakes_without_key;
  if (value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC) return &Counters::handshakes_wrong_server_key;
  return &Counters::handshakes_broken;
}

}  // namespace

ZmqMonitor::ZmqMonitor(asio::io_context& io, zmq::context_t& context, zmq::socket_t& socket,
                       Counters& counters, std::function<void(int)> on_disconnected,
                       std::function<void(int)> on_accepted, std::function<void(int)> on_listening)
    : counters_(counters),
      socket_(socket),
      events_(context, zmq::socket_type::pair),
      on_disconnected_(std::move(on_disconnected)),
      on_accepted_(std::move(on_accepted)),
      on_listening_(std::move(on_listening)) {
  static std::atomic<int> count{0};
  const std::string address = "inproc://monitor-" + std::to_string(++count);
  const int more =
      (on_accepted_ ? ZMQ_EVENT_ACCEPTED : 0) | (on_listening_ ? ZMQ_EVENT_LISTENING : 0);
  if (zmq_socket_monitor(socket.handle(), address.c_str(), kMonitoredEvents | more) != 0) {
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
    if (event == ZMQ_EVENT_ACCEPTED) on_accepted_(value);
    if (event == ZMQ_EVENT_LISTENING) on_listening_(value);
    if (const auto counter = failed_handshake(event, value)) ++(counters_.*counter);
  }
  return Turn::drained;
}

}  // namespace bridge
