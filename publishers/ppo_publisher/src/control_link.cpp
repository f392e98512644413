#include "control_link.h"

#include <utility>

namespace ppo {
namespace {

using std::chrono::milliseconds;

// Both ends look after the connection, so that a bridge (or a trainer) that stands still or whose
// host vanished is noticed. A trainer that does not poll for commands still answers heartbeats.
constexpr int kHeartbeatMs = 2000;
constexpr int kSilenceMsMax = 6000;

// How soon a connection that was lost is made again.
constexpr milliseconds kReopenAfter{100};

// Requests read ahead and replies not yet taken, in ZeroMQ's own queues.
constexpr int kQueueMessagesMax = 256;

// Of one request. A longer one ends the connection.
constexpr std::int64_t kRequestBytesMax = 1024 * 1024;

}  // namespace

ControlLink::ControlLink(zmq::context_t& context, Handshakes handshakes)
    : handshakes_(std::move(handshakes)), context_(context) {
  open();
}

void ControlLink::open() {
  socket_ = connecting::socket(context_, zmq::socket_type::dealer, handshakes_.key());
  socket_.set(zmq::sockopt::sndhwm, kQueueMessagesMax);
  socket_.set(zmq::sockopt::rcvhwm, kQueueMessagesMax);
  socket_.set(zmq::sockopt::maxmsgsize, kRequestBytesMax);
  socket_.set(zmq::sockopt::heartbeat_ivl, kHeartbeatMs);
  socket_.set(zmq::sockopt::heartbeat_timeout, kSilenceMsMax);
  socket_.set(zmq::sockopt::heartbeat_ttl, kSilenceMsMax);
  monitor_ = connecting::monitor(context_, socket_,
                                 ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | connecting::kFailures);
  connecting::connect(socket_, handshakes_.endpoint());
}

void ControlLink::see_news() {
  if (!socket_.handle()) {
    if (Clock::now() >= reopen_at_) reopen();
    return;
  }
  bool lost = false;
  while (const std::optional<int> what = connecting::next_event(monitor_)) {
    if (handshakes_.see(*what)) continue;
    if (*what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      connected_ = true;
    } else if (connected_) {  // ends an attempt that failed, otherwise: ZeroMQ goes on trying
      lost = true;
    }
  }
  if (!lost) return handshakes_.connect_again(socket_);
  abandon();
}

void ControlLink::move_to(const std::string& endpoint) {
  handshakes_.move_to(endpoint);
  abandon();
  reopen();
}

void ControlLink::abandon() {
  connected_ = false;
  ++connection_;  // what came over the old one is not answered over the next
  monitor_.close();
  socket_.close();
  reopen_at_ = Clock::now() + kReopenAfter;
}

void ControlLink::reopen() {
  try {
    open();
  } catch (const zmq::error_t&) {  // out of descriptors for the moment
    abandon();
  }
}

ControlLink::Got ControlLink::receive(std::string& body) {
  if (!socket_.handle()) return Got::kNothing;
  zmq::message_t frame;
  if (!socket_.recv(frame, zmq::recv_flags::dontwait)) return Got::kNothing;
  // A message comes whole: what follows a first frame is there.
  int frames = 1;
  const bool delimited = frame.size() == 0;
  while (frame.more()) {
    if (!socket_.recv(frame, zmq::recv_flags::dontwait)) return Got::kMalformed;
    ++frames;
  }
  if (!delimited || frames != 2) return Got::kMalformed;
  body = frame.to_string();
  return Got::kRequest;
}

bool ControlLink::try_send(std::string_view body) {
  if (!connected_) return false;
  const auto flags = zmq::send_flags::sndmore | zmq::send_flags::dontwait;
  if (!socket_.send(zmq::message_t(), flags)) return false;
  return socket_.send(zmq::buffer(body), zmq::send_flags::dontwait).has_value();
}

void ControlLink::close(int linger_ms) {
  if (!socket_.handle()) return;
  socket_.set(zmq::sockopt::linger, linger_ms);
  monitor_.close();
  socket_.close();
}

}  // namespace ppo
