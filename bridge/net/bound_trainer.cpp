#include "net/bound_trainer.h"

#include <utility>
#include <vector>

#include "net/trainer_channel.h"
#include "net/zmq_frames.h"

namespace bridge {
namespace {

zmq::socket_t make_dealer(zmq::context_t& context) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  set_trainer_options(socket);
  socket.set(zmq::sockopt::immediate, true);  // nothing waits for who is not there
  socket.set(zmq::sockopt::reconnect_ivl, 100);
  socket.set(zmq::sockopt::reconnect_ivl_max, 1000);
  return socket;
}

}  // namespace

BoundTrainer::BoundTrainer(asio::io_context& io, zmq::context_t& context, ZmqGuard& guard, Counters& counters,
                           const std::string& source, const std::string& endpoint, OnAnswer on_answer,
                           std::function<void()> on_disconnected)
    : guard_(guard),
      source_(source),
      endpoint_(endpoint),
      on_answer_(std::move(on_answer)),
      socket_(make_dealer(context)),
      monitor_(io, context, socket_, counters, [f = std::move(on_disconnected)](int) { f(); }),
      watch_(io, socket_, [this] { return take_turn(); }) {
  guard_.connect(socket_, endpoint, "control/" + source_);
}

bool BoundTrainer::has_lost_key() const {
  return guard_.wants_key(endpoint_) && guard_.has_lost("control/" + source_);
}

bool BoundTrainer::send(const std::string& json) {
  watch_.look_again();
  try {
    using zmq::send_flags;
    if (!socket_.send(zmq::message_t(), send_flags::dontwait | send_flags::sndmore)) return false;
    return socket_.send(zmq::buffer(json), send_flags::dontwait).has_value();
  } catch (const zmq::error_t&) {
    return false;
  }
}

Turn BoundTrainer::take_turn() {
  std::vector<zmq::message_t> frames;
  while (receive_frames(socket_, frames)) {
    if (frames.size() != 2 || frames[0].size() != 0) continue;
    const ZmqSender& sender = guard_.sender_of(frames[1]);
    if (sender.may_publish_as(source_)) on_answer_(frames[1].to_string_view(), sender);
  }
  return Turn::drained;
}

}  // namespace bridge
