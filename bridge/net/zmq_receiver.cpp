#include "net/zmq_receiver.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include <asio/post.hpp>

#include "base/log.h"
#include "net/zmq_peers.h"

namespace bridge {
namespace {

constexpr std::size_t kDroppedCost = 64;  // of a message
constexpr auto kDrop = std::chrono::seconds(1);
constexpr long kQuietMs = 20;
constexpr std::string_view kTcp = "tcp://";

}  // namespace

ZmqReceiver::Inlet::Inlet(zmq::context_t& context)
    : socket(context, zmq::socket_type::sub),
      rule([this](std::string_view type, std::string_view source) {
        return sender.may_publish(type, source);
      }),
      peer([this] { return sender.peer(zmq_msg_gets(frame.handle(), "Peer-Address")); }) {}

ZmqReceiver::ZmqReceiver(asio::io_context& io, zmq::context_t& context, ZmqGuard& guard,
                         Intake& intake, Counters& counters, TakenBytes& taken,
                         std::function<void()> on_batch)
    : io_(io),
      context_(context),
      guard_(guard),
      intake_(intake),
      counters_(counters),
      taken_(taken),
      turns_(io, intake, kInlets,
             [this](std::size_t inlet, std::size_t cost_max, bool& nothing_left) {
               return take_from(*inlets_[inlet], cost_max, nothing_left);
             },
             std::move(on_batch)) {}

Result<bool> ZmqReceiver::start(const ReceiverOptions& options) {
  std::string doing = "events: cannot make sockets";
  try {
    for (std::size_t i = 0; i < kInlets; ++i) {
      inlets_.push_back(std::make_unique<Inlet>(context_));
      Inlet& inlet = *inlets_.back();
      inlet.socket.set(zmq::sockopt::linger, 0);
      inlet.socket.set(zmq::sockopt::rcvhwm, options.receive_messages_max);
      inlet.socket.set(zmq::sockopt::maxmsgsize, options.message_bytes_max);
      inlet.socket.set(zmq::sockopt::subscribe, "");
      inlet.monitor = std::make_unique<ZmqMonitor>(
          io_, context_, inlet.socket, counters_,
          [this](int descriptor) { on_disconnected(descriptor); },
          [this, i](int descriptor) { on_accepted(i, descriptor); },
          i == 0 ? [this](int descriptor) { listening_ = descriptor; }
                 : std::function<void(int)>());
    }
    for (const std::string& endpoint : options.bind) {
      doing = "events.bind: cannot listen on " + endpoint;
      listen_and_share(endpoint);
    }
    for (const std::string& endpoint : options.connect) {
      doing = "events.connect: cannot connect to " + endpoint;
      guard_.connect(next_of_its_own().socket, endpoint, "events");
    }
  } catch (const zmq::error_t& e) {
    return Failure{doing + ": " + e.what()};
  }
  steer();
  for (std::size_t i = 0; i < kInlets; ++i) {
    inlets_[i]->watch =
        std::make_unique<ZmqWatch>(io_, inlets_[i]->socket, [this, i] {
          turns_.ready(i);
          return Turn::by_himself;
        });
  }
  return true;
}

// The first inlet is bound as any socket is, so an address that somebody else has is refused.
void ZmqReceiver::listen_and_share(const std::string& endpoint) {
  if (endpoint.compare(0, kTcp.size(), kTcp) != 0) {
    endpoints_.push_back(guard_.bind(next_of_its_own().socket, endpoint, "events"));
    return;
  }
  listening_ = -1;
  endpoints_.push_back(guard_.bind(inlets_.front()->socket, endpoint, "events"));
  inlets_.front()->monitor->catch_up();
  SharedPort port(listening_);
  for (std::size_t i = 1; i < kInlets; ++i) {
    const int descriptor = port.listen_too();
    if (descriptor < 0) {
      log_warn("events_port_not_shared",
               "{} of {} sockets listen on {}: sources share them by chance", i, kInlets,
               endpoints_.back());
      break;
    }
    // libzmq takes it over, and looks at the address no more.
    zmq::socket_t& socket = inlets_[i]->socket;
    (void)zmq_setsockopt(socket.handle(), ZMQ_USE_FD, &descriptor, sizeof descriptor);
    (void)guard_.bind(socket, endpoint, "events");
    constexpr int kNone = -1;
    (void)zmq_setsockopt(socket.handle(), ZMQ_USE_FD, &kNone, sizeof kNone);
  }
  ports_.push_back(port);
}

// For an address whose peers cannot be spread: from the last one on, as the first ones get the
// others.
ZmqReceiver::Inlet& ZmqReceiver::next_of_its_own() {
  Inlet& inlet = *inlets_[kInlets - 1 - own_++ % kInlets];
  ++inlet.peers;
  return inlet;
}

void ZmqReceiver::on_accepted(std::size_t inlet, int descriptor) {
  on_disconnected(descriptor);  // which is used again
  inlet_of_[descriptor] = inlet;
  ++inlets_[inlet]->peers;
  steer_soon();
  if (!keeps_out_) return;
  for (const std::string& endpoint : endpoints_) (void)cut_peer(descriptor, endpoint);
}

void ZmqReceiver::on_disconnected(int descriptor) {
  const auto known = inlet_of_.find(descriptor);
  if (known == inlet_of_.end()) return;
  --inlets_[known->second]->peers;
  inlet_of_.erase(known);
  steer_soon();
}

void ZmqReceiver::steer_soon() {
  if (std::exchange(steering_, true)) return;
  asio::post(io_, [this, alive = std::weak_ptr<void>(alive_)] {
    if (alive.expired()) return;
    steering_ = false;
    steer();
  });
}

// The next connections come to who has fewest.
void ZmqReceiver::steer() {
  for (const SharedPort& port : ports_) {
    std::size_t fewest = SIZE_MAX;
    for (std::size_t i = 0; i < port.count(); ++i) fewest = std::min(fewest, inlets_[i]->peers);
    std::vector<std::size_t> emptiest;
    for (std::size_t i = 0; i < port.count(); ++i) {
      if (inlets_[i]->peers == fewest) emptiest.push_back(i);
    }
    (void)port.steer_to(emptiest);
  }
}

void ZmqReceiver::drop_from(int descriptor) {
  dropped_.insert(descriptor);
  drop_until_ = std::chrono::steady_clock::now() + kDrop;
  if (!turns_.paused() || std::exchange(keeps_out_, true)) return;
  log_warn("sources_kept_out",
           "nothing can be taken in, and too much waits: who connects is sent away until it can");
}

void ZmqReceiver::resume() {
  keeps_out_ = false;
  (void)turns_.resume();
}

std::size_t ZmqReceiver::take_from(Inlet& inlet, std::size_t cost_max, bool& nothing_left) {
  if (inlet.watch) inlet.watch->look_for_peers();
  std::size_t cost = 0;
  while (cost < cost_max) {
    if (!inlet.batch && !receive(inlet, cost)) {
      nothing_left = true;
      if (inlet.watch) inlet.watch->wait();
      break;
    }
    if (!inlet.batch) continue;
    cost += intake_.take_some(*inlet.batch, cost_max - cost);
    if (inlet.batch->ended) inlet.batch.reset();
  }
  return cost;
}

// False where there is no message. One that is to be dropped becomes no batch, and has its cost.
bool ZmqReceiver::receive(Inlet& inlet, std::size_t& cost) {
  zmq::message_t& frame = inlet.frame;
  try {
    if (!inlet.socket.recv(frame, zmq::recv_flags::dontwait)) return false;
    // The last frame is the body; those before it, a topic as a rule, are for ZeroMQ's filters.
    taken_.count(frame);
    while (frame.more() && inlet.socket.recv(frame, zmq::recv_flags::dontwait)) taken_.count(frame);
  } catch (const zmq::error_t&) {
    return false;  // nothing that a peer sends leads here; a context that is being closed does
  }
  if (!dropped_.empty() && dropped_.count(descriptor_of(frame)) != 0) {
    if (std::chrono::steady_clock::now() > drop_until_) dropped_.clear();
    cost += kDroppedCost;
    return true;
  }
  begin_batch(inlet);
  return true;
}

// Whose key is no longer good is told so by what becomes of his connection, and when he comes
// again.
void ZmqReceiver::begin_batch(Inlet& inlet) {
  inlet.sender = guard_.sender_of(inlet.frame);
  inlet.batch.emplace(inlet.frame.to_string_view(), &inlet.peer);
  if (inlet.sender.kind == ZmqSender::Kind::local) return;
  inlet.batch->rule = &inlet.rule;
  if (inlet.sender.kind == ZmqSender::Kind::key) return;
  for (const std::string& endpoint : endpoints_)
    (void)cut_peer(descriptor_of(inlet.frame), endpoint);
}

void ZmqReceiver::stop(std::int64_t drain_us, const std::function<bool()>& enough) {
  if (turns_.stopped()) return;
  turns_.stop();
  std::vector<zmq_pollitem_t> items;
  for (const auto& inlet : inlets_) {
    inlet->watch.reset();
    inlet->monitor.reset();
    items.push_back({inlet->socket.handle(), 0, ZMQ_POLLIN, 0});
  }
  turns_.drain(drain_us, enough, [this, &items] {
    // Not by zmq::poll(): a signal, such as to be told once more to stop, ends it early and is no
    // failure.
    if (items.empty() || zmq_poll(items.data(), static_cast<int>(items.size()), kQuietMs) == 0) return false;
    for (std::size_t i = 0; i < inlets_.size(); ++i) turns_.ready_soon(i);
    return true;
  });
  for (const auto& inlet : inlets_) inlet->socket.close();
  ports_.clear();
}

}  // namespace bridge
