#include "net/trainer_channel.h"

#include <utility>
#include <vector>

#include "net/zmq_frames.h"

namespace bridge {
namespace {

constexpr int kHeartbeatMs = 2000;
constexpr int kHeartbeatTimeoutMs = 10'000;
constexpr std::int64_t kAnswerBytesMax = 16 << 20;  // a peer that sends more is disconnected
// A turn takes in what costs so much: to read a hello takes some 50 ns a byte.
constexpr std::size_t kTurnCostMax = 256 * 1024;
constexpr std::size_t kMessageCost = 1024;
constexpr std::size_t kByteCost = 16;
constexpr int kWaitingMax = 16;  // messages of one trainer, in ZeroMQ, either way

}  // namespace

void set_trainer_options(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::heartbeat_ivl, kHeartbeatMs);
  socket.set(zmq::sockopt::heartbeat_timeout, kHeartbeatTimeoutMs);
  socket.set(zmq::sockopt::maxmsgsize, kAnswerBytesMax);
  socket.set(zmq::sockopt::sndhwm, kWaitingMax);
  socket.set(zmq::sockopt::rcvhwm, kWaitingMax);
}

TrainerChannel::TrainerChannel(asio::io_context& io, zmq::context_t& context, ZmqGuard& guard, Counters& counters,
                               MemoryShare& unread, TakenBytes& taken, Listener listener)
    : io_(io),
      context_(context),
      guard_(guard),
      counters_(counters),
      unread_(unread),
      taken_(taken),
      listener_(std::move(listener)),
      socket_(context, zmq::socket_type::router) {}

Result<bool> TrainerChannel::start(const std::string& endpoint) {
  if (endpoint.empty()) return true;
  try {
    set_trainer_options(socket_);
    // Without mandatory a command to nobody vanishes. A second connection with a routing id in use is
    // ignored: with handover it would get the first one's commands.
    socket_.set(zmq::sockopt::router_mandatory, true);
    monitor_ = std::make_unique<ZmqMonitor>(io_, context_, socket_, counters_,
                                            [this](int descriptor) { on_disconnected(descriptor); });
    keys_ = guard_.wants_key(endpoint);
    endpoint_ = guard_.bind(socket_, endpoint, "control");
  } catch (const zmq::error_t& e) {
    return Failure{"trainers.control: cannot listen on " + endpoint + ": " + e.what()};
  }
  watch_ = std::make_unique<ZmqWatch>(io_, socket_, [this] { return take_turn(); });
  return true;
}

Result<std::string> TrainerChannel::connect(const std::string& source, const std::string& endpoint) {
  const std::string connection = kReplyingConnection + source;
  const auto found = bound_.find(connection);
  if (found != bound_.end() && found->second->endpoint() == endpoint) return connection;
  if (found == bound_.end() && bound_.size() >= kBoundTrainersMax) {
    return Failure{"cannot connect to " + source + " at " + endpoint + ": " +
                   std::to_string(kBoundTrainersMax) + " trainers are connected to already"};
  }
  try {
    auto bound = make_bound(source, endpoint);
    if (found != bound_.end()) listener_.on_disconnected(connection);
    bound_[connection] = std::move(bound);
  } catch (const zmq::error_t& e) {
    return Failure{"cannot connect to " + source + " at " + endpoint + ": " + e.what()};
  }
  return connection;
}

std::unique_ptr<BoundTrainer> TrainerChannel::make_bound(const std::string& source, const std::string& endpoint) {
  const std::string connection = kReplyingConnection + source;
  return std::make_unique<BoundTrainer>(
      io_, context_, guard_, counters_, source, endpoint,
      [this, connection](std::string_view json, const ZmqSender& sender) {
        listener_.on_message({connection, json, sender});
      },
      [this, connection] { listener_.on_disconnected(connection); });
}

bool TrainerChannel::send(const std::string& connection, const std::string& json) {
  const auto bound = bound_.find(connection);
  if (bound != bound_.end()) return bound->second->send(json);
  if (!watch_ || (keys_ && known_.count(connection) == 0)) return false;
  if (!unread_.has_room_for(json.size())) return unread_.refuse();
  watch_->look_again();
  try {
    using zmq::send_flags;
    // The first frame finds the peer or fails; the rest of the message then goes to it.
    if (!socket_.send(zmq::buffer(connection), send_flags::dontwait | send_flags::sndmore)) {
      return false;
    }
    socket_.send(zmq::message_t(), send_flags::dontwait | send_flags::sndmore);
    return socket_.send(counted_frame(json, unread_), send_flags::dontwait).has_value();
  } catch (const zmq::error_t&) {
    return false;  // EHOSTUNREACH: no such peer
  }
}

void TrainerChannel::on_disconnected(int descriptor) {
  const auto found = by_descriptor_.find(descriptor);
  if (found == by_descriptor_.end()) return;
  const std::string connection = std::move(found->second);
  by_descriptor_.erase(found);
  // Another may have its routing id by now.
  const auto known = known_.find(connection);
  if (keys_ && (known == known_.end() || known->second.descriptor != descriptor)) return;
  if (keys_) known_.erase(known);
  listener_.on_disconnected(connection);
}

// The connection with this message counted; null where nothing is taken from it. A routing id that somebody has chosen
// must be a name of a source of his: commands for a source that says no hello go by it.
const TrainerChannel::Known* TrainerChannel::know(const std::string& connection, const ZmqSender& sender,
                                                  int descriptor) {
  if (sender.kind == ZmqSender::Kind::nobody) {
    (void)cut_peer(descriptor, endpoint_);
    return nullptr;
  }
  if (connection.front() != '\0' && !sender.may_publish_as(connection)) return nullptr;
  Known& known = known_[connection];
  if (known.since != 0 && (known.descriptor != descriptor || known.access->credential != sender.access->credential)) {
    listener_.on_disconnected(connection);
    known.since = 0;
  }
  if (known.since == 0) known.since = ++connections_;
  known.descriptor = descriptor;
  known.access = sender.access;
  return &known;
}

void TrainerChannel::check_keys() {
  std::vector<std::string> gone;
  for (const auto& [connection, known] : known_) {
    const auto now = guard_.again(*known.access);
    if (now == nullptr || !now->may_attach("control")) gone.push_back(connection);
  }
  for (const std::string& connection : gone) {
    (void)cut_peer(known_[connection].descriptor, endpoint_);
    known_.erase(connection);
    listener_.on_disconnected(connection);
  }
  for (auto it = bound_.begin(); it != bound_.end();) {
    if (!it->second->has_lost_key()) {
      ++it;
      continue;
    }
    listener_.on_disconnected(it->first);
    try {
      it->second = make_bound(it->first.substr(1), it->second->endpoint());
      ++it;
    } catch (const zmq::error_t&) {
      it = bound_.erase(it);
    }
  }
}

Turn TrainerChannel::take_turn() {
  std::vector<zmq::message_t> frames;
  for (std::size_t cost = 0; cost < kTurnCostMax && (!listener_.has_room || listener_.has_room());) {
    if (!receive_frames(socket_, frames, &taken_)) return Turn::drained;
    cost += kMessageCost + frames.back().size() * kByteCost;
    monitor_->catch_up();
    // Routing id, delimiter, body, as a REP would send it; a bare DEALER leaves the delimiter out.
    const bool delimiter = frames.size() == 3 && frames[1].size() == 0;
    const std::string_view connection = frames[0].to_string_view();
    if ((!delimiter && frames.size() != 2) || connection.front() == kReplyingConnection) {
      ++counters_.command_answers_unusable;
      continue;
    }
    const int descriptor = descriptor_of(frames.back());
    const ZmqSender& sender = guard_.sender_of(frames.back());
    const Known* const known = keys_ ? know(std::string(connection), sender, descriptor) : nullptr;
    if (keys_ && known == nullptr) {
      ++counters_.hellos_refused;
      continue;
    }
    by_descriptor_[descriptor] = connection;
    listener_.on_message({connection, frames.back().to_string_view(), sender,
                          zmq_msg_gets(frames.back().handle(), "Peer-Address"), known == nullptr ? 0 : known->since});
  }
  return Turn::more;
}

}  // namespace bridge
