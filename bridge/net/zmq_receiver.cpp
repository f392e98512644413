#include "net/zmq_receiver.h"

#include <chrono>
#include <utility>

#include <asio/post.hpp>

namespace bridge {
namespace {

// Taken in before the sockets get their turn. What a session may write in one go is as much, so
// writing keeps up with reading by construction.
constexpr std::size_t kTurnBytesMax = 64 * 1024;
constexpr std::size_t kTurnMessagesMax = 1024;

constexpr auto kQuiet = std::chrono::milliseconds(20);

// Only for addresses that are IPv6: with it ZeroMQ reports 127.0.0.1 as [::ffff:127.0.0.1].
void set_ipv6(zmq::socket_t& socket, const std::string& endpoint) {
  socket.set(zmq::sockopt::ipv6, endpoint.find('[') != std::string::npos);
}

}  // namespace

ZmqReceiver::ZmqReceiver(asio::io_context& io, zmq::context_t& context, Intake& intake,
                         std::function<void()> on_batch)
    : io_(io),
      intake_(intake),
      on_batch_(std::move(on_batch)),
      socket_(context, zmq::socket_type::sub) {}

ZmqReceiver::~ZmqReceiver() { stop(0); }

Result<bool> ZmqReceiver::start(const ReceiverOptions& options) {
  std::string doing;
  try {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvhwm, options.receive_messages_max);
    socket_.set(zmq::sockopt::maxmsgsize, options.message_bytes_max);
    socket_.set(zmq::sockopt::subscribe, "");
    for (const std::string& endpoint : options.bind) {
      doing = "events.bind: cannot listen on " + endpoint;
      set_ipv6(socket_, endpoint);
      socket_.bind(endpoint);
      endpoints_.push_back(socket_.get(zmq::sockopt::last_endpoint));
    }
    for (const std::string& endpoint : options.connect) {
      doing = "events.connect: cannot connect to " + endpoint;
      set_ipv6(socket_, endpoint);
      socket_.connect(endpoint);
    }
    readable_ = std::make_unique<asio::posix::stream_descriptor>(
        io_, socket_.get(zmq::sockopt::fd));
  } catch (const zmq::error_t& e) {
    return Failure{doing + ": " + e.what()};
  }
  run();
  return true;
}

// ZeroMQ's descriptor tells of changes, not of messages waiting, so each wake-up reads until there
// is nothing left (or the turn is over and the rest is posted) before it waits again.
void ZmqReceiver::run() {
  if (take_turn(kTurnBytesMax) == Turn::drained) {
    wait();
    return;
  }
  asio::post(io_, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.expired() && readable_) run();
  });
}

void ZmqReceiver::wait() {
  readable_->async_wait(asio::posix::stream_descriptor::wait_read,
                        [this, alive = std::weak_ptr<bool>(alive_)](const asio::error_code& ec) {
                          if (!ec && !alive.expired() && readable_) run();
                        });
}

ZmqReceiver::Turn ZmqReceiver::take_turn(std::size_t bytes_max) {
  std::size_t bytes = 0;
  std::size_t messages = 0;
  Turn turn = Turn::more;
  try {
    zmq::message_t frame;
    while (bytes < bytes_max && messages < kTurnMessagesMax) {
      if (!socket_.recv(frame, zmq::recv_flags::dontwait)) {
        turn = Turn::drained;
        break;
      }
      // The last frame is the body; those before it, a topic as a rule, are for ZeroMQ's filters.
      while (frame.more() && socket_.recv(frame, zmq::recv_flags::dontwait)) {
      }
      bytes += frame.size() + 64;
      ++messages;
      intake_.take(frame.to_string_view());
    }
  } catch (const zmq::error_t& e) {
    // Nothing that a peer sends leads here; a context that is being closed does.
    turn = Turn::drained;
  }
  if (messages != 0) on_batch_();
  return turn;
}

void ZmqReceiver::stop(std::int64_t drain_us) {
  if (!readable_) return;
  using Steady = std::chrono::steady_clock;
  const auto end = Steady::now() + std::chrono::microseconds(drain_us);
  // What sources have sent may still be on its way through the kernel: drained means that nothing
  // has come for a moment.
  while (Steady::now() < end) {
    if (take_turn(kTurnBytesMax) == Turn::more) continue;
    zmq::pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
    if (zmq::poll(&item, 1, kQuiet) == 0) break;
  }
  readable_->release();
  readable_.reset();
  socket_.close();
}

}  // namespace bridge
