#include "link.h"

#include <cstdint>
#include <utility>

namespace ppo {
namespace {

// Messages in ZeroMQ's own queue. Few, since the ring holds what waits: it lets the oldest go where
// this queue cannot, and gathers larger messages while this one is full.
constexpr int kQueueMessagesMax = 16;

// A connection to a host that vanished without a word ends after this. TCP watches over it rather
// than ZeroMQ's heartbeats, because those take a bridge that merely stands still (under a debugger,
// on a machine that swaps) for gone, and with the connection lose what it had not read yet; its
// kernel goes on answering TCP.
constexpr int kSilenceMsMax = 60'000;
constexpr int kKeepAliveSeconds = 15;

// Of one subscription; nothing else comes in. Of few of them at a time: ZeroMQ reads all that wait at once, and who sends
// on meanwhile would keep it at that.
constexpr std::int64_t kIncomingBytesMax = 64 * 1024;
constexpr int kIncomingMessagesMax = 16;

// A bridge subscribes to one topic or a few. ZeroMQ keeps them all, and says each: who sends more than so many, or more
// between two looks at the socket, is none.
constexpr std::size_t kTopicsMax = 1000;

}  // namespace

Link::Link(zmq::context_t& context, Handshakes handshakes) : context_(context), handshakes_(std::move(handshakes)) {
  open();
}

void Link::open(bool connect) {
  zmq::socket_t socket = connecting::socket(context_, zmq::socket_type::xpub, handshakes_.key());
  socket.set(zmq::sockopt::xpub_nodrop, true);
  socket.set(zmq::sockopt::xpub_verbose, true);  // a new connection repeats what an old one wanted
  socket.set(zmq::sockopt::sndhwm, kQueueMessagesMax);
  socket.set(zmq::sockopt::rcvhwm, kIncomingMessagesMax);
  socket.set(zmq::sockopt::maxmsgsize, kIncomingBytesMax);
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::tcp_keepalive_idle, kKeepAliveSeconds);
  socket.set(zmq::sockopt::tcp_keepalive_intvl, kKeepAliveSeconds);
  socket.set(zmq::sockopt::tcp_maxrt, kSilenceMsMax);
  zmq::socket_t watcher = connecting::monitor(
      context_, socket,
      ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_MONITOR_STOPPED | connecting::kFailures);
  if (connect) connecting::connect(socket, handshakes_.endpoint());
  // The old monitor's last word would wait for a reader for ever.
  if (socket_.handle() != nullptr) zmq_socket_monitor(socket_.handle(), nullptr, 0);
  monitor_ = std::move(watcher);
  socket_ = std::move(socket);
}

void Link::move_to(const std::string& endpoint) {
  handshakes_.move_to(endpoint);
  open();
  forget_connection();
}

void Link::forget_connection() {
  open_ = false;
  topics_.clear();
  body_left_.clear();
}

// Its memory is free once ZeroMQ has let the old socket go.
void Link::refuse() {
  open(false);
  forget_connection();
  handshakes_.refuse("subscribes to more than any bridge does");
}

void Link::see_news() {
  see_connection();
  if (!socket_.handle()) return;
  handshakes_.connect_again(socket_);
  zmq::message_t message;
  for (std::size_t n = 1; socket_.recv(message, zmq::recv_flags::dontwait); ++n) {
    if (n > kTopicsMax || topics_.size() > kTopicsMax) return refuse();
    if (message.size() == 0) continue;
    // A subscription must not be taken for one of a connection that ended before it: whatever
    // happened before it came is known to the monitor by now.
    see_connection();
    const std::string_view text = message.to_string_view();
    const std::string topic(text.substr(1));
    if (text.front() == 1) topics_.insert(topic);
    if (text.front() == 0) topics_.erase(topic);
  }
}

void Link::see_connection() {
  if (gone_) return;
  while (const std::optional<int> what = connecting::next_event(monitor_)) {
    if (handshakes_.see(*what)) continue;
    gone_ = gone_ || *what == ZMQ_EVENT_MONITOR_STOPPED;  // ZeroMQ has let the socket go
    open_ = *what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    if (open_) ++connections_;
    if (!open_) topics_.clear();
  }
}

bool Link::try_send(std::string_view topic, std::string_view body) {
  if (!flush_body()) return false;
  const auto flags = zmq::send_flags::sndmore | zmq::send_flags::dontwait;
  if (!socket_.send(zmq::buffer(topic), flags)) return false;
  // A full queue shows at the first frame. Should it ever show at the second, the body follows
  // later.
  if (!socket_.send(zmq::buffer(body), zmq::send_flags::dontwait)) body_left_ = body;
  return true;
}

bool Link::flush_body() {
  if (body_left_.empty()) return true;
  if (!socket_.send(zmq::buffer(body_left_), zmq::send_flags::dontwait)) return false;
  body_left_.clear();
  return true;
}

void Link::close(int linger_ms) {
  socket_.set(zmq::sockopt::linger, linger_ms);
  socket_.close();
}

void Link::forget() {
  monitor_.close();
  socket_.close();
}

}  // namespace ppo
