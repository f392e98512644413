#include "net/zmq_receiver.h"

#include <chrono>
#include <utility>

#include "base/loop_turns.h"
#include "net/zmq_peers.h"

namespace bridge {
namespace {

// Taken in before the sockets get their turn: about as much as a block holds and a session writes in one
// go, so writing keeps up with reading by construction, and a busy bridge writes whole blocks.
// What is left of a large batch is taken in on the next turns.
constexpr std::size_t kReadTurnBytesMax = 256 * 1024;
constexpr auto kDrop = std::chrono::seconds(1);
constexpr long kQuietMs = 20;

}  // namespace

ZmqReceiver::ZmqReceiver(asio::io_context& io, zmq::context_t& context, ZmqGuard& guard, Intake& intake,
                         Counters& counters, TakenBytes& taken, std::function<void()> on_batch)
    : io_(io),
      context_(context),
      guard_(guard),
      intake_(intake),
      counters_(counters),
      taken_(taken),
      on_batch_(std::move(on_batch)),
      socket_(context, zmq::socket_type::sub),
      rule_([this](std::string_view type, std::string_view source) { return sender_.may_publish(type, source); }),
      peer_([this] { return sender_.peer(zmq_msg_gets(frame_.handle(), "Peer-Address")); }) {}

Result<bool> ZmqReceiver::start(const ReceiverOptions& options) {
  std::string doing;
  try {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvhwm, options.receive_messages_max);
    socket_.set(zmq::sockopt::maxmsgsize, options.message_bytes_max);
    socket_.set(zmq::sockopt::subscribe, "");
    monitor_ = std::make_unique<ZmqMonitor>(io_, context_, socket_, counters_, [](int) {});
    for (const std::string& endpoint : options.bind) {
      doing = "events.bind: cannot listen on " + endpoint;
      endpoints_.push_back(guard_.bind(socket_, endpoint, "events"));
    }
    for (const std::string& endpoint : options.connect) {
      doing = "events.connect: cannot connect to " + endpoint;
      guard_.connect(socket_, endpoint, "events");
    }
  } catch (const zmq::error_t& e) {
    return Failure{doing + ": " + e.what()};
  }
  watch_ = std::make_unique<ZmqWatch>(io_, socket_, [this] { return take_turn(); });
  return true;
}

void ZmqReceiver::drop_from(int descriptor) {
  dropped_.insert(descriptor);
  drop_until_ = std::chrono::steady_clock::now() + kDrop;
}

void ZmqReceiver::resume() {
  if (!paused_) return;
  paused_ = false;
  if (watch_) watch_->look_again();
}

Turn ZmqReceiver::take_turn() {
  if (paused_) return Turn::drained;
  const TurnPart part("events in");
  std::size_t taken = 0;
  Turn turn = Turn::more;
  try {
    // All of a turn have the time at which it began: it is over in a millisecond.
    intake_.begin_turn();
    while (taken < kReadTurnBytesMax) {
      if (!batch_) {
        if (!socket_.recv(frame_, zmq::recv_flags::dontwait)) {
          turn = Turn::drained;
          break;
        }
        // The last frame is the body; those before it, a topic as a rule, are for ZeroMQ's filters.
        taken_.count(frame_);
        while (frame_.more() && socket_.recv(frame_, zmq::recv_flags::dontwait)) taken_.count(frame_);
        if (!dropped_.empty() && dropped_.count(descriptor_of(frame_)) != 0) {
          if (std::chrono::steady_clock::now() > drop_until_) dropped_.clear();
          taken += 64;
          continue;
        }
        begin_batch();
      }
      taken += intake_.take_some(*batch_, kReadTurnBytesMax - taken);
      if (batch_->ended) batch_.reset();
    }
  } catch (const zmq::error_t&) {
    // Nothing that a peer sends leads here; a context that is being closed does.
    turn = Turn::drained;
  }
  if (taken != 0) on_batch_();
  return turn;
}

// Whose key is no longer good is told so by what becomes of his connection, and when he comes again.
void ZmqReceiver::begin_batch() {
  sender_ = guard_.sender_of(frame_);
  batch_.emplace(frame_.to_string_view(), &peer_);
  if (sender_.kind == ZmqSender::Kind::local) return;
  batch_->rule = &rule_;
  if (sender_.kind == ZmqSender::Kind::key) return;
  for (const std::string& endpoint : endpoints_) (void)cut_peer(descriptor_of(frame_), endpoint);
}

void ZmqReceiver::stop(std::int64_t drain_us) {
  if (!watch_) return;
  watch_.reset();
  monitor_.reset();
  using Steady = std::chrono::steady_clock;
  const auto end = Steady::now() + std::chrono::microseconds(drain_us);
  // What sources have sent may still be on its way through the kernel: drained means that nothing
  // has come for a moment.
  while (Steady::now() < end) {
    if (take_turn() == Turn::more) continue;
    zmq_pollitem_t item{socket_.handle(), 0, ZMQ_POLLIN, 0};
    // Not by zmq::poll(): a signal, such as to be told once more to stop, ends it early and is no failure.
    if (zmq_poll(&item, 1, kQuietMs) == 0) break;
  }
  socket_.close();
}

}  // namespace bridge
