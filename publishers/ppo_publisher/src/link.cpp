#include "link.h"

#include <cstdint>
#include <cstring>
#include <utility>

namespace ppo {
namespace {

// Messages in ZeroMQ's own queue. Few, since the ring holds what waits: it lets the oldest go where
// this queue cannot, and gathers larger messages while this one is full.
constexpr int kQueueMessagesMax = 16;

// How soon a bridge that started is found.
constexpr int kReconnectMsMin = 50;
constexpr int kReconnectMsMax = 1000;

// A connection to a host that vanished without a word ends after this. TCP watches over it rather
// than ZeroMQ's heartbeats, because those take a bridge that merely stands still (under a debugger,
// on a machine that swaps) for gone, and with the connection lose what it had not read yet; its
// kernel goes on answering TCP.
constexpr int kSilenceMsMax = 60'000;
constexpr int kKeepAliveSeconds = 15;

// For a connection to be made, and for ZeroMQ's greeting on it.
constexpr int kConnectMsMax = 5000;

// Of one subscription; nothing else comes in.
constexpr std::int64_t kIncomingBytesMax = 64 * 1024;

}  // namespace

Link::Link(zmq::context_t& context, Handshakes handshakes) : context_(context), handshakes_(std::move(handshakes)) {
  open();
}

void Link::open() {
  zmq::socket_t socket(context_, zmq::socket_type::xpub);
  zmq::socket_t watcher(context_, zmq::socket_type::pair);
  if (handshakes_.key()) handshakes_.key()->set_on(socket);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::xpub_nodrop, true);
  socket.set(zmq::sockopt::xpub_verbose, true);  // a new connection repeats what an old one wanted
  socket.set(zmq::sockopt::sndhwm, kQueueMessagesMax);
  socket.set(zmq::sockopt::maxmsgsize, kIncomingBytesMax);
  socket.set(zmq::sockopt::reconnect_ivl, kReconnectMsMin);
  socket.set(zmq::sockopt::reconnect_ivl_max, kReconnectMsMax);
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::tcp_keepalive_idle, kKeepAliveSeconds);
  socket.set(zmq::sockopt::tcp_keepalive_intvl, kKeepAliveSeconds);
  socket.set(zmq::sockopt::tcp_maxrt, kSilenceMsMax);
  socket.set(zmq::sockopt::handshake_ivl, kConnectMsMax);
  socket.set(zmq::sockopt::connect_timeout, kConnectMsMax);
  watcher.set(zmq::sockopt::linger, 0);
  constexpr int kEvents =
      ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_MONITOR_STOPPED |
      Handshakes::kFailures;
  const std::string monitor = "inproc://events-monitor-" + std::to_string(++sockets_);
  if (zmq_socket_monitor(socket.handle(), monitor.c_str(), kEvents) != 0) throw zmq::error_t();
  watcher.connect(monitor);
  socket.connect(handshakes_.endpoint());
  // The old monitor's last word would wait for a reader for ever.
  if (socket_.handle() != nullptr) zmq_socket_monitor(socket_.handle(), nullptr, 0);
  monitor_ = std::move(watcher);
  socket_ = std::move(socket);
}

void Link::move_to(const std::string& endpoint) {
  handshakes_.move_to(endpoint);
  open();
  open_ = false;
  topics_.clear();
  body_left_.clear();
}

void Link::see_news() {
  see_connection();
  if (!socket_.handle()) return;
  handshakes_.connect_again(socket_);
  zmq::message_t message;
  while (socket_.recv(message, zmq::recv_flags::dontwait)) {
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
  zmq::message_t event;
  zmq::message_t address;
  while (monitor_.recv(event, zmq::recv_flags::dontwait)) {
    if (!event.more() || !monitor_.recv(address, zmq::recv_flags::dontwait)) continue;
    std::uint16_t what = 0;  // the frame begins with it, in the machine's own order
    if (event.size() < sizeof what) continue;
    std::memcpy(&what, event.data(), sizeof what);
    if (handshakes_.see(what)) continue;
    gone_ = gone_ || what == ZMQ_EVENT_MONITOR_STOPPED;  // ZeroMQ has let the socket go
    open_ = what == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
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
